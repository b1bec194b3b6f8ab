import { readFile, utimes } from "node:fs/promises";
import { join } from "node:path";
import {
  createTestDatabase,
  type FaultProxyMode,
  startFakePagerduty,
  startFaultProxy,
  type TestDatabase,
} from "@tracer/testkit";
import { describe, expect, test } from "vitest";
import { startTracerProcess, temporaryFolder } from "./tracer-process.ts";
import { pause, postLogs, seeded, traffic, until } from "./traffic.ts";

const MINUTE_MS = 60_000;
const STOP_MS_MAX = 10_000;
/** What `/readyz` says once the outage is one, and a signal waits for its end. */
const WAITING =
  /^503 .*database: it does not answer since 2.*; detection goes on, [1-9]\d* signals? waits? for it/;

/** A real process whose database is behind a proxy, with an hour of steady past. */
async function startWorld(service: string) {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await temporaryFolder());
  const database = stack.use(await createTestDatabase());
  const proxy = stack.use(await startFaultProxy({ target: database.connectionString }));
  const pagerduty = stack.use(await startFakePagerduty());
  const environment = {
    DATABASE_URL: proxy.url,
    DATA_DIR: join(folder.path, "data"),
    LATENESS_SECONDS: "0",
    PAGERDUTY_ROUTING_KEY: pagerduty.routingKey,
    PAGERDUTY_EVENTS_URL: pagerduty.eventsUrl,
  };
  const owned = stack.move();
  const random = seeded(41);
  const start = async () => owned.use(await startTracerProcess(environment));
  const post = (url: string, times: { fromMs: number; toMs: number }, errorShare: number) =>
    postLogs(url, traffic({ ...times, service, perMinute: 300, errorShare, random }));
  /** An hour of steady traffic, until a minute ago. */
  const past = async (url: string) => {
    const toMs = Date.now() - MINUTE_MS;
    await post(url, { fromMs: toMs - 60 * MINUTE_MS, toMs }, 0.02);
  };
  /** A spike of the last minute, and on, until a signal waits for the database. */
  const spike = async (url: string) => {
    let fromMs = Date.now() - MINUTE_MS;
    await until("a signal that waits", 40_000, async () => {
      const toMs = Date.now();
      expect((await post(url, { fromMs, toMs }, 0.4)).status).toBe(202);
      fromMs = toMs;
      await pause(400);
      return WAITING.test(await readyOf(url));
    });
  };
  const spilled = async () =>
    readFile(join(environment.DATA_DIR, "slot-0", "spill.log")).then(
      ({ length }) => length,
      () => 0, // There is none yet.
    );
  return {
    ...{ database, proxy, pagerduty, start, past, spike, spilled },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function readyOf(url: string): Promise<string> {
  const response = await fetch(`${url}/readyz`);
  return `${response.status} ${await response.text()}`;
}

/** Incidents, and how long ago they began. */
async function incidents({ pool }: TestDatabase) {
  const { rows } = await pool.query<{ service: string; epoch: number; age: number }>(
    "select service, epoch, extract(epoch from clock_timestamp() - onset_at)::float8 as age from incidents",
  );
  return rows;
}

// Real time passes in these, mostly waiting, so they run side by side.
describe.concurrent("the database is away", () => {
  // Goal: a stop in order does not hang on a database that is away, and loses nothing. Method: a signal
  // that only memory knows, SIGTERM, a new process on the same folder when the database is back.
  test.each(["refuse", "blackHole"] satisfies FaultProxyMode[])(
    "%s: SIGTERM ends within 10 s with exit 0; what waited is told by the next process",
    async (mode) => {
      await using world = await startWorld("checkout");
      const first = await world.start();
      await until("ready", 5_000, async () => (await readyOf(first.url)).startsWith("200"));
      await world.past(first.url);
      await world.proxy.set(mode);
      const awayMs = Date.now();
      await world.spike(first.url);
      expect((await fetch(`${first.url}/healthz`)).status).toBe(200);
      await until("a spill file", 5_000, async () => (await world.spilled()) > 0);

      const stopMs = performance.now();
      const exit = first.stop("SIGTERM");
      const seen: string[] = [];
      const polling = (async () => {
        for (;;) {
          const answer = await readyOf(first.url).catch(() => null);
          if (answer === null) return;
          seen.push(answer);
          await pause(20);
        }
      })();
      expect(await exit).toBe(0);
      expect(performance.now() - stopMs).toBeLessThan(STOP_MS_MAX);
      await polling;
      // A port that refuses is done with too soon to be asked; a black hole takes a moment.
      const heard = seen.some((answer) => /^503 .*stopping/.test(answer));
      expect(heard || mode === "refuse").toBe(true);

      await world.proxy.set("pass");
      const second = await world.start();
      expect(second.stderr()).toContain('"name":"spill_replayed"');
      await world.pagerduty.waitFor(() => world.pagerduty.alerts.size > 0, 20_000);
      const [incident, ...others] = await incidents(world.database);
      expect(others).toEqual([]);
      expect(incident).toMatchObject({ service: "checkout", epoch: 1 });
      // It began in the minute that was posted at the beginning of the outage.
      const sinceAwaySeconds = (Date.now() - awayMs) / 1000;
      expect(incident?.age).toBeGreaterThan(sinceAwaySeconds);
      expect(incident?.age).toBeLessThan(sinceAwaySeconds + 80);
      expect([...world.pagerduty.alerts.values()]).toMatchObject([{ opened: 1 }]);
    },
  );

  test("kill -9 during the outage: the next process tells it, once", async () => {
    await using world = await startWorld("payments");
    const first = await world.start();
    await world.past(first.url);
    await world.proxy.set("refuse");
    await world.spike(first.url);
    await until("a spill file", 5_000, async () => (await world.spilled()) > 0);
    await first.stop("SIGKILL");
    await world.proxy.set("pass");
    const second = await world.start();
    await world.pagerduty.waitFor(() => world.pagerduty.alerts.size > 0, 20_000);
    await until("an empty spill file", 5_000, async () => (await world.spilled()) === 0);
    expect(await incidents(world.database)).toMatchObject([{ service: "payments", epoch: 1 }]);
    expect([...world.pagerduty.alerts.values()]).toMatchObject([{ opened: 1, triggers: 1 }]);
    expect(second.stderr()).toMatch(/"name":"spill_replayed".*"damaged":0/);
  });

  // Goal: a process that is never started again. Method: two on one folder; the one that knows is killed, and its
  // file is made to look as old as it would be.
  test("kill -9 during the outage, and nobody takes its place: another on the same folder tells it, once", async () => {
    await using world = await startWorld("search");
    const first = await world.start();
    const second = await world.start();
    await world.past(first.url);
    await world.proxy.set("refuse");
    await world.spike(first.url);
    await until("a spill file", 5_000, async () => (await world.spilled()) > 0);
    await first.stop("SIGKILL");
    const spill = join(first.dataDir, "slot-0", "spill.log");
    const longAgo = Date.now() / 1000 - 60;
    await utimes(spill, longAgo, longAgo);
    await world.proxy.set("pass");
    await world.pagerduty.waitFor(() => world.pagerduty.alerts.size > 0, 60_000);
    await until("an empty spill file", 5_000, async () => (await world.spilled()) === 0);
    expect(await incidents(world.database)).toMatchObject([{ service: "search", epoch: 1 }]);
    expect([...world.pagerduty.alerts.values()]).toMatchObject([{ opened: 1, triggers: 1 }]);
    expect(second.stderr()).toMatch(/"name":"spill_replayed","path":"[^"]*slot-0/);
  });
});
