import { randomUUID } from "node:crypto";
import { type Clock, systemClock } from "@tracer/core";
import * as store from "@tracer/store";
import { ChannelStates } from "./channel-states.ts";
import { createChannels, routesOf } from "./channels.ts";
import type { Config } from "./config.ts";
import { type Database, openDatabase } from "./database.ts";
import { DatabaseWatch, startDatabaseWatch } from "./database-watch.ts";
import { WhyNot } from "./decisions/why-not.ts";
import { startDetection } from "./detection.ts";
import { startDispatching } from "./dispatching.ts";
import { InFlight } from "./http/in-flight.ts";
import { startHttp } from "./http/start.ts";
import { startLive } from "./live.ts";
import { LiveEvents } from "./live-events.ts";
import { startLoop } from "./loop.ts";
import type { Observe } from "./observe.ts";
import { ReceiptClock } from "./receipt-clock.ts";
import { ServicesView } from "./services-view.ts";
import { openSnapshotPlace, restoreState, startSnapshots } from "./snapshots.ts";
import { newestStates } from "./spill/codec.ts";
import { replaySpill } from "./spill/replay.ts";

export interface TracerOptions {
  readonly config: Config;
  readonly version: string;
  readonly observe: Observe;
  readonly clock?: Clock;
  /** Where the `console` channel prints alerts, and whether it may colour them. */
  readonly print: (text: string) => Promise<void>;
  readonly color: boolean;
  /** Called once, with keys that were made because Tracer listens beyond loopback and had none. */
  readonly showKeys: (keys: store.NewKeys) => void;
}

export interface Tracer extends AsyncDisposable {
  /** Where it listens, such as http://127.0.0.1:4318. */
  readonly url: string;
  /** Of this run; leases and attempts carry it. */
  readonly processorId: string;
  /** Settles when something that Tracer cannot do without has ended by itself. */
  readonly failed: Promise<Error>;
}

const TICK_MS = 500;
const CLOCK_MS = 30_000;

/**
 * The whole pipeline, top to bottom: database → clock → channels → detector → announcer → HTTP. Read
 * upwards it is the shutdown: refuse, count what was admitted, keep and write it, finish sends, close the database.
 */
export async function startTracer(options: TracerOptions): Promise<Tracer> {
  const { config, observe, clock = systemClock } = options;
  await using stack = new AsyncDisposableStack();
  stack.defer(() => observe.close());
  const database = stack.use(await openDatabase(config, observe));
  const { pool } = database;
  let stopListening = async () => {};
  stack.defer(() => stopListening()); // Late: until then whoever balances the load is told to go elsewhere.
  const keysStored = await makeKeys(options, database);
  const receipt = new ReceiptClock(clock);
  const readDatabaseMs = () => store.serverTimeMs(pool);
  const readClock = async () => {
    if (await receipt.refresh(readDatabaseMs)) await receipt.refresh(readDatabaseMs);
  };
  await readClock();
  stack.use(startLoop({ name: "clock", idleMs: CLOCK_MS, observe }, readClock));
  const receiptMs = () => receipt.nowMs();

  const { channels: configured } = config;
  const channels = createChannels({ ...options, channels: configured });
  stack.defer(async () => {
    for (const channel of channels) await channel.close?.();
  });
  const { announced, fallback } = routesOf(channels, config.fallbackChannel);
  observe({ name: "channels_configured", channels: channels.map(({ name }) => name) });
  const channelStates = new ChannelStates(channels, clock.wallMs);
  const processorId = randomUUID();
  let pageUrl = config.publicUrl ?? "";
  const linkBase = () => pageUrl;
  const shared = { pool, clock, observe };
  let pendingCount = () => 0;
  const watch = new DatabaseWatch({
    ...{ channels, receiptMs, observe, monotonicMs: clock.monotonicMs },
    fallbackChannel: config.fallbackChannel,
    pendingCount: () => pendingCount(),
  });
  stack.use(startDatabaseWatch(watch, observe));
  const dispatching = stack.use(
    startDispatching({
      ...{ ...shared, processorId, channels, channelStates, linkBase, watch },
      quietSeconds: config.quietSeconds,
      fallback:
        fallback === null ? null : { channel: fallback, afterSeconds: config.fallbackSeconds },
    }),
  );

  const { path, spillPath } = stack.use(await openSnapshotPlace(config, observe));
  const snapshot = await restoreState({ config, path, receiptMs: receiptMs(), observe });
  const spilled = spillPath === null ? null : await replaySpill({ path: spillPath, observe });
  const waiting = newestStates([...snapshot.pending, ...(spilled?.states ?? [])]);
  const state = { ...snapshot, pending: waiting };
  const detection = stack.use(
    startDetection({
      ...{
        ...shared,
        state,
        spill: spillPath === null ? null : { path: spillPath, size: spilled?.size ?? 0 },
      },
      ...{ config, receiptMs, processorId, onWritten: dispatching.wake },
      channels: announced,
    }),
  );
  const { pipeline, metrics, directory, announcer } = detection;
  pendingCount = () => announcer.pendingCount;
  const { snapshotSeconds } = config;
  const pending = () => announcer.pendingState();
  stack.use(startSnapshots({ path, state, pending, snapshotSeconds, clock, observe }));
  stack.use(startLoop({ name: "tick", idleMs: TICK_MS, observe }, () => pipeline.tick()));

  const services = new ServicesView({ ...detection, clock });
  const whyNot = new WhyNot({ ...detection, pool, receiptMs });
  const events = new LiveEvents(() => ({
    recordsTotal: observe.recordsAccepted(),
    services: services.count,
  }));
  stack.use(startLive({ ...shared, events }));
  const inFlight = new InFlight();
  observe.watch({
    series: () => directory.size,
    inFlightBytes: () => inFlight.bytes,
    peers: () => detection.shared?.peers ?? 0,
  });
  const http = await startHttp({
    ...{ config, version: options.version, keysStored, pool, pipeline, metrics, inFlight, observe },
    ...{ services, whyNot, events, channelStates, clock, wakeDispatch: dispatching.wake },
    waiting: () => ({ outage: watch.outage, signals: pendingCount() }),
  });
  stopListening = async () => http[Symbol.asyncDispose]();
  stack.defer(() => http.refuse());
  pageUrl = config.publicUrl ?? http.url;

  const owned = stack.move();
  return {
    url: http.url,
    processorId,
    failed: database.failed,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** True when keys are stored. Beyond loopback Tracer never listens without one. */
async function makeKeys(options: TracerOptions, { pool }: Database): Promise<boolean> {
  const { config, showKeys } = options;
  if (!config.loopback && config.ingestKey === null && config.adminKey === null) {
    const made = await store.createKeysIfNone(pool);
    if (made !== null) showKeys(made);
  }
  return store.hasKeys(pool);
}
