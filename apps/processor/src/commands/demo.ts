import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { type Clock, systemClock } from "@tracer/core";
import { createLogsDecoder } from "@tracer/ingest";
import { consoleChannel } from "@tracer/notify";
import * as store from "@tracer/store";
import { ChannelStates } from "../channel-states.ts";
import { type Config, readConfig } from "../config.ts";
import { openDatabase } from "../database.ts";
import { WhyNot } from "../decisions/why-not.ts";
import { type Detection, startDetection } from "../detection.ts";
import { startDispatching } from "../dispatching.ts";
import { Exit } from "../exit.ts";
import { InFlight } from "../http/in-flight.ts";
import { startHttp } from "../http/start.ts";
import { startLive } from "../live.ts";
import { LiveEvents } from "../live-events.ts";
import { createObserve, type Observe } from "../observe.ts";
import { ServicesView } from "../services-view.ts";
import type { CommandContext } from "./context.ts";
import { DemoShop } from "./demo-shop.ts";

const PIPELINES = 3;
/** Past that the detectors learn before anything happens. */
const WARM_UP_MS = 60 * 60_000;
/** Simulated time after the warm-up: this long until the fault, the fault, and the longest wait for its end. */
const CALM_MS = 20_000;
const FAULT_MS = 150_000;
const AFTER_MS_MAX = 900_000;
/** Simulated time goes this much faster than ours. */
const SPEED = 10;
/** Simulated time between two looks at the detectors. */
const TURN_MS = 1_000;
/** In a terminal the page stays up; elsewhere this long after the end, for whoever looks. */
const LINGER_MS = 1_000;

/**
 * The whole product in one process and without a set-up: a shop's past, its present ten times as fast, a fault seen by
 * three pipelines at once, one alert, its resolve. The same on every run.
 */
export async function demo(
  context: CommandContext,
  { exit = false }: { exit?: boolean },
): Promise<Exit> {
  const { stdout, stderr, stop, version } = context;
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "tracer-demo-"));
  stack.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  stderr.write("Starting an embedded database in a temporary folder …\n");
  const config: Config = {
    ...readConfig({ PORT: "0", DATA_DIR: folder }),
    ...{ holdSeconds: 2, quietSeconds: 30, clearSeconds: 1 },
  };
  const observe = createObserve("silent", stderr);
  stack.defer(() => observe.close());
  const world = await startWorld({ ...context, config, observe, version }, stack);

  stdout.write(
    `\nTracer demo: a shop, ${PIPELINES} processors, one Postgres. Page: ${world.url}\n\n`,
  );
  await warmUp(world, stderr);
  const ended = await play(world, context);
  if (ended === "stopped") return Exit.ok;
  await summary(world, stdout);
  if (exit || stdout.isTTY !== true) {
    await pause(LINGER_MS, undefined, { signal: stop }).catch(() => {});
    return ended === "resolved" ? Exit.ok : Exit.failed;
  }
  stdout.write(`The page stays up at ${world.url}. Ctrl-C ends the demo.\n`);
  await new Promise<void>((resolve) => {
    if (stop.aborted) resolve();
    stop.addEventListener("abort", () => resolve(), { once: true });
  });
  return Exit.ok;
}

interface World {
  readonly url: string;
  readonly pool: store.Pool;
  readonly shop: DemoShop;
  readonly detections: readonly Detection[];
  /** The simulated clock, ms since the epoch. */
  readonly time: { nowMs: number };
}

interface WorldOptions extends CommandContext {
  readonly config: Config;
  readonly observe: Observe;
}

async function startWorld(options: WorldOptions, stack: AsyncDisposableStack): Promise<World> {
  const { config, observe, version, stdout, stderr, color } = options;
  const clock: Clock = systemClock;
  const database = stack.use(await openDatabase(config, observe));
  const { pool } = database;
  const endMs = Math.floor((await store.serverTimeMs(pool)) / 60_000) * 60_000;
  const time = { nowMs: endMs - WARM_UP_MS - CALM_MS - FAULT_MS };
  const write = (card: string) => stdout.write(card);
  const channel = consoleChannel({ name: "slack-shaped", write, color: color(stdout) });
  const channelStates = new ChannelStates([channel], clock.wallMs);
  const detections: Detection[] = [];
  let pageUrl = "";
  for (let number = 0; number < PIPELINES; number += 1) {
    const processorId = randomUUID();
    // The page counts what the first one received: all of them receive the same.
    const own = number === 0 ? observe : createObserve("silent", stderr);
    if (number > 0) stack.defer(() => own.close());
    const shared = { pool, clock, observe: own };
    const channels = [channel];
    const dispatching = stack.use(
      startDispatching({
        fallback: null,
        ...shared,
        processorId,
        channels,
        channelStates,
        quietSeconds: config.quietSeconds,
        linkBase: () => pageUrl,
      }),
    );
    const receiptMs = () => time.nowMs;
    const onWritten = dispatching.wake;
    const names = channels.map(({ name }) => name);
    detections.push(
      stack.use(startDetection({ ...shared, config, receiptMs, channels: names, onWritten })),
    );
  }
  const [first] = detections;
  if (first === undefined) throw new Error("no pipeline");
  const services = new ServicesView({ ...first, clock });
  const events = new LiveEvents(() => ({
    recordsTotal: observe.recordsAccepted(),
    services: services.count,
  }));
  stack.use(startLive({ pool, clock, observe, events }));
  const http = stack.use(
    await startHttp({
      ...{ config, version, keysStored: false, pool },
      ...{ pipeline: first.pipeline, metrics: first.metrics },
      whyNot: new WhyNot({ ...first, pool, receiptMs: () => time.nowMs }),
      ...{ inFlight: new InFlight(), services, events, channelStates, observe, clock },
      ...{ channels: () => [channel], linkBase: () => pageUrl },
      wakeDispatch: () => {},
    }),
  );
  pageUrl = http.url;
  return { url: http.url, pool, shop: new DemoShop(), detections, time };
}

/** Feeds every pipeline what the shop logged in the next `ms` of simulated time. */
async function advance({ shop, detections, time }: World, ms: number): Promise<number> {
  const { bytes, records } = shop.logs(time.nowMs, time.nowMs + ms);
  time.nowMs += ms;
  const origin = {
    protocol: "logs",
    createDecoder: createLogsDecoder,
    project: "default",
    defaultService: "unknown",
  };
  for (const { pipeline } of detections) {
    if (records > 0) await pipeline.ingest(bytes, origin);
    pipeline.tick();
  }
  return records;
}

async function warmUp(world: World, stderr: CommandContext["stderr"]): Promise<void> {
  let records = 0;
  const minutes = WARM_UP_MS / 60_000;
  for (let minute = 0; minute < minutes; minute += 1) {
    for (let second = 0; second < 60; second += 10) records += await advance(world, 10_000);
    if (stderr.isTTY === true) {
      const bar = "█".repeat(Math.floor(minute / 3)).padEnd(minutes / 3, "░");
      stderr.write(`\rLearning what is normal  ${bar}  ${minute + 1} min, ${records} records`);
    }
  }
  const text = `Learned what is normal from ${minutes} minutes: ${records.toLocaleString("en")} records.`;
  stderr.write(stderr.isTTY === true ? `\r\u001b[K${text}\n` : `${text}\n`);
}

async function play(
  world: World,
  context: CommandContext,
): Promise<"resolved" | "open" | "stopped"> {
  const { shop, time, pool } = world;
  const { stdout, stop } = context;
  const startMs = time.nowMs;
  let said = 0;
  const say = (atMs: number, text: string) => {
    if (time.nowMs - startMs < atMs || said >= atMs + 1) return;
    said = atMs + 1;
    const seconds = Math.round((time.nowMs - startMs) / 1_000);
    const clockText = `+${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    stdout.write(`${clockText}  ${text}\n`);
  };
  while (time.nowMs - startMs < CALM_MS + FAULT_MS + AFTER_MS_MAX) {
    if (stop.aborted) return "stopped";
    const elapsedMs = time.nowMs - startMs;
    say(
      0,
      `The shop is open. Its time runs ${SPEED} times as fast as yours, and the cards show yours.`,
    );
    say(CALM_MS, "The payment gateway of checkout begins to time out …");
    say(CALM_MS + FAULT_MS, "The payment gateway answers again.");
    shop.fault = elapsedMs >= CALM_MS && elapsedMs < CALM_MS + FAULT_MS;
    await advance(world, TURN_MS);
    await pause(TURN_MS / SPEED);
    if (elapsedMs > CALM_MS + FAULT_MS && (await isOver(pool))) return "resolved";
  }
  return "open";
}

/** True when an incident was announced and its resolve too. */
async function isOver(pool: store.Pool): Promise<boolean> {
  const { incidents } = await store.listIncidents(pool, { limit: 1, state: "resolved" });
  const [incident] = incidents;
  if (incident === undefined) return false;
  const found = await store.getIncident(pool, incident.id);
  return (
    found?.deliveries.some(({ action, state }) => action === "resolve" && state === "sent") ?? false
  );
}

async function summary(
  { pool, detections }: World,
  stdout: CommandContext["stdout"],
): Promise<void> {
  const { incidents } = await store.listIncidents(pool, { limit: 10 });
  const sightings = incidents.reduce((sum, { occurrences }) => sum + occurrences, 0);
  const { deliveries: sent } = await store.listDeliveries(pool, { state: "sent", limit: 100 });
  const sentAs = (action: string) => sent.filter((delivery) => delivery.action === action).length;
  const counted = (count: number, what: string) => `${count} ${what}${count === 1 ? "" : "s"}`;
  stdout.write(
    `${detections.length} processors saw it ${counted(sightings, "time")}: ` +
      `${counted(incidents.length, "incident")}, ${counted(sentAs("open"), "alert")}, ` +
      `${counted(sentAs("resolve"), "resolve")}.\n`,
  );
}
