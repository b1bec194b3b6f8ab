// The page with 10,000 services and 500 open incidents: first paint, when its lists are there, the longest task while
// somebody scrolls through all of them; and what 200 listening pages cost ingest. Needs a Chromium.
//   npx -y pnpm@12.21.0 bench:page [--json] [--services 10000] [--incidents 500]
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { migrate, openPool, sight, startEmbeddedPostgres } from "@tracer/store";
import { aSighting, SIGHT_OPTIONS } from "@tracer/testkit";
import type { Page } from "playwright-core";
import { startBrowser } from "../e2e/browser/world.ts";
import { startTracerProcess } from "../e2e/tracer-process.ts";
import { postLogs } from "../e2e/traffic.ts";

const FIRST_PAINT_MS_GOAL = 1_500;
const LONG_TASK_MS_GOAL = 200;
const LISTENERS = 200;
const MINUTES = 5;
const SERVICES_PER_BODY = 2_000;
const INGEST_BODIES = 40;
const INGEST_ROUNDS = 3;
const WAIT_MS = 120_000;
const SCROLL_STEPS = 60;

const { values } = parseArgs({
  options: {
    json: { type: "boolean" },
    services: { type: "string", default: "10000" },
    incidents: { type: "string", default: "500" },
  },
});

interface Measured {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly goal: number | null;
}

await using stack = new AsyncDisposableStack();
process.env["TRACER_CHROMIUM"] ??= "/usr/bin/chromium";
if (!existsSync(process.env["TRACER_CHROMIUM"])) throw new Error("Run `pnpm test:browser` first.");
const url = await startFull();
const browser = await startBrowser();
stack.defer(() => browser.close());
const measured = [
  ...(await measurePage("overview", "/", '[aria-label="Open incidents"] .row')),
  ...(await measurePage("services", "/services", '[aria-label="Services"] .row')),
  ...(await measureListeners()),
];
if (values.json === true) process.stdout.write(`${JSON.stringify(measured)}\n`);
else {
  for (const { name, value, unit, goal } of measured) {
    const goalText = goal === null ? "" : `   goal < ${goal}`;
    process.stdout.write(`${name.padEnd(46)} ${value.toFixed(0).padStart(7)} ${unit}${goalText}\n`);
  }
}
process.exitCode = measured.every(({ value, goal }) => goal === null || value < goal) ? 0 : 1;

/** A Tracer that holds that many services and incidents. */
async function startFull(): Promise<string> {
  const dataDir = await mkdtemp(join(tmpdir(), "tracer-page-"));
  stack.defer(() => rm(dataDir, { recursive: true, force: true, maxRetries: 5 }));
  const embedded = stack.use(await startEmbeddedPostgres({ dataDir, connectionsMax: 50 }));
  const pool = openPool({ connectionString: embedded.connectionString, connectionsMax: 4 });
  stack.defer(async () => {
    await pool.end();
  });
  await migrate(pool);
  const incidents = Number(values.incidents);
  const sightings = Array.from({ length: incidents }, (_, index) =>
    aSighting({ service: `service-${String(index).padStart(5, "0")}` }),
  );
  await sight(pool, sightings, { ...SIGHT_OPTIONS, channels: [], quietSeconds: 86_400 });
  const tracer = stack.use(
    await startTracerProcess({ DATABASE_URL: embedded.connectionString, LOG_LEVEL: "warn" }),
  );
  const services = Number(values.services);
  for (let first = 0; first < services; first += SERVICES_PER_BODY) {
    const body = history(first, Math.min(services, first + SERVICES_PER_BODY));
    const { status } = await postLogs(tracer.url, body);
    if (status !== 202) throw new Error(`/logs answered ${status}`);
  }
  return tracer.url;
}

function history(first: number, end: number): string {
  const nowMs = Date.now();
  const lines: string[] = [];
  for (let minute = MINUTES; minute > 0; minute -= 1) {
    for (let index = first; index < end; index += 1) {
      const time = new Date(nowMs - minute * 60_000).toISOString();
      const service = `service-${String(index).padStart(5, "0")}`;
      lines.push(JSON.stringify({ time, service, level: "info", message: "order placed" }));
    }
  }
  return lines.join("\n");
}

async function measurePage(name: string, path: string, row: string): Promise<Measured[]> {
  const page = await (
    await browser.newContext({ viewport: { width: 1280, height: 900 } })
  ).newPage();
  await page.addInitScript(
    "window.longest = 0; new PerformanceObserver((list) => { for (const { duration } of list.getEntries()) " +
      "window.longest = Math.max(window.longest, duration); }).observe({ type: 'longtask', buffered: true });",
  );
  const beganMs = performance.now();
  await page.goto(`${url}${path}`);
  await page.locator(row).first().waitFor({ timeout: WAIT_MS });
  const shownMs = performance.now() - beganMs;
  const paintMs = await numberOf(
    page,
    "performance.getEntriesByName('first-contentful-paint')[0].startTime",
  );
  const loadTaskMs = await numberOf(page, "window.longest");
  await page.evaluate("window.longest = 0");
  for (let step = 0; step < SCROLL_STEPS; step += 1) {
    await page.mouse.wheel(0, 2_500);
    await page.evaluate("new Promise(requestAnimationFrame)");
  }
  const scrolledPx = await numberOf(page, "scrollY");
  const scrollTaskMs = await numberOf(page, "window.longest");
  const rows = await page.locator(".row").count();
  await page.context().close();
  return [
    { name: `${name}: first paint`, value: paintMs, unit: "ms", goal: FIRST_PAINT_MS_GOAL },
    { name: `${name}: its list is shown`, value: shownMs, unit: "ms", goal: null },
    { name: `${name}: longest task of the load`, value: loadTaskMs, unit: "ms", goal: null },
    {
      name: `${name}: longest task while scrolling`,
      value: scrollTaskMs,
      unit: "ms",
      goal: LONG_TASK_MS_GOAL,
    },
    { name: `${name}: scrolled`, value: scrolledPx, unit: "px", goal: null },
    { name: `${name}: rows in the document`, value: rows, unit: "", goal: null },
  ];
}

async function numberOf(page: Page, expression: string): Promise<number> {
  return Number(await page.evaluate(expression));
}

/** Time for the same bodies without and with listeners, turn and turn about; the best of each. */
async function measureListeners(): Promise<Measured[]> {
  let [without, withThem] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  const body = history(0, SERVICES_PER_BODY);
  for (let round = 0; round < INGEST_ROUNDS; round += 1) {
    without = Math.min(without, await ingestMs(body));
    const stop = new AbortController();
    await Promise.all(Array.from({ length: LISTENERS }, () => listen(stop.signal)));
    withThem = Math.min(withThem, await ingestMs(body));
    stop.abort();
  }
  return [
    {
      name: `ingest of ${INGEST_BODIES} bodies, no listener`,
      value: without,
      unit: "ms",
      goal: null,
    },
    { name: `the same, ${LISTENERS} listeners`, value: withThem, unit: "ms", goal: null },
  ];
}

async function ingestMs(body: string): Promise<number> {
  const beganMs = performance.now();
  for (let index = 0; index < INGEST_BODIES; index += 1) await postLogs(url, body);
  return performance.now() - beganMs;
}

/** Settles when the stream is open; reads it until `stop`. */
async function listen(stop: AbortSignal): Promise<void> {
  const { body } = await fetch(`${url}/api/v1/events`, { signal: stop });
  const drain = async () => {
    const reader = body?.getReader();
    while (reader !== undefined && !(await reader.read()).done);
  };
  drain().catch(() => null); // Cut off by `stop`.
}
