import { randomUUID } from "node:crypto";
import { type Clock, systemClock } from "@tracer/core";
import * as store from "@tracer/store";
import { ChannelStates } from "./channel-states.ts";
import { CONSOLE, makeChannel } from "./channels.ts";
import type { Config } from "./config.ts";
import { type Database, openDatabase } from "./database.ts";
import { readTold, type ToldState, toldBySiblings, toldPath, writeTold } from "./database-told.ts";
import { DatabaseWatch, startDatabaseWatch } from "./database-watch.ts";
import { WhyNot } from "./decisions/why-not.ts";
import { type SpillPlace, startDetection } from "./detection.ts";
import { startDispatching } from "./dispatching.ts";
import { startHeartbeat } from "./heartbeat.ts";
import { InFlight } from "./http/in-flight.ts";
import { startHttp } from "./http/start.ts";
import { startLive } from "./live.ts";
import { LiveEvents } from "./live-events.ts";
import { startLoop } from "./loop.ts";
import type { Observe } from "./observe.ts";
import { ReceiptClock } from "./receipt-clock.ts";
import { ServicesView } from "./services-view.ts";
import { LiveSettings } from "./settings/live-settings.ts";
import { openSnapshotPlace, restoreState, startSnapshots } from "./snapshots.ts";
import { newestStates } from "./spill/codec.ts";
import { adoptOrphans } from "./spill/orphans.ts";
import { replaySpill } from "./spill/replay.ts";
import { Starting } from "./starting.ts";
import type { StopClock } from "./stopping.ts";
import { startSyslog } from "./syslog/start.ts";
import { startTriaging } from "./triage.ts";

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
  /** Aborts when Tracer is to stop: a start that is not done by then rejects with its reason. */
  readonly stop: AbortSignal;
  /** Begun when `stop` aborts. */
  readonly stopping: StopClock;
}

export interface Tracer extends AsyncDisposable {
  /** Where it listens, such as http://127.0.0.1:4318. */
  readonly url: string;
  /** Of this run; leases and attempts carry it. */
  readonly processorId: string;
  /** Settles when something that Tracer cannot do without has ended by itself. */
  readonly failed: Promise<Error>;
  /**
   * Goes on with the channels and rules of another configuration, all of them at once. Everything else of it
   * counts from the next start. Throws CONFIG_INVALID, and nothing has changed.
   */
  readonly reload: (config: Config) => void;
}

const TICK_MS = 500;
const CLOCK_MS = 30_000;

/**
 * The whole pipeline, top to bottom: database → clock → channels → detector → announcer → HTTP. Read
 * upwards it is the shutdown: refuse, count what was admitted, keep and write it, finish sends, close the database.
 */
export async function startTracer(options: TracerOptions): Promise<Tracer> {
  const { config, observe, stopping, clock = systemClock } = options;
  await using stack = new AsyncDisposableStack();
  stack.defer(() => observe.close());
  using starting = new Starting(observe, options.stop);
  const waitFor = (what: string) => starting.waitFor(what);
  const database = stack.use(await openDatabase(config, observe, { stopping, waitFor }));
  const { pool } = database;
  let stopListening = async () => {};
  stack.defer(() => stopListening()); // Late: until then whoever balances the load is told to go elsewhere.
  waitFor("the database to answer");
  const keysStored = await makeKeys(options, database);
  const receipt = new ReceiptClock(clock);
  const readDatabaseMs = () => store.serverTimeMs(pool);
  const readClock = async () => {
    if (await receipt.refresh(readDatabaseMs)) await receipt.refresh(readDatabaseMs);
  };
  await readClock();
  const clockLoop = { name: "clock", idleMs: CLOCK_MS, isDisposable: true, observe };
  stack.use(startLoop(clockLoop, readClock));
  const receiptMs = () => receipt.nowMs();

  const settings = new LiveSettings(config, {
    make: (spec) => makeChannel(spec, options),
    none: CONSOLE,
  });
  stack.defer(() => settings.close());
  const { channels, fallback } = settings;
  observe({ name: "channels_configured", channels: settings.names });
  const channelStates = new ChannelStates(channels, clock.wallMs);
  const processorId = randomUUID();
  let pageUrl = config.publicUrl ?? "";
  const linkBase = () => pageUrl;
  const shared = { pool, clock, observe };
  let pendingCount = () => 0;
  waitFor("what the last process has left in DATA_DIR");
  const { path, spillPath, slotFolder } = stack.use(await openSnapshotPlace(config, observe));
  let saved: Promise<void> | null = null;
  stack.defer(async () => {
    if (saved !== null) await stopping.within("snapshot", saved);
  });
  let rank = () => 0;
  const told = slotFolder === null ? null : toldPath(slotFolder);
  const watch = new DatabaseWatch({
    ...{ channels, receiptMs, observe, monotonicMs: clock.monotonicMs },
    fallbackChannel: config.fallbackChannel,
    pendingCount: () => pendingCount(),
    rank: () => rank(),
    ...(told === null
      ? {}
      : { save: (state) => writeTold(told, state), othersTold: () => toldBySiblings(told) }),
  });
  const left = told === null ? null : await readTold(told);
  if (left !== null) await watch.inherit(left);
  stack.use(startDatabaseWatch(watch, observe));
  const dispatching = stack.use(
    startDispatching({
      ...{ ...shared, processorId, channels, channelStates, linkBase, watch, stopping },
      quietSeconds: config.quietSeconds,
      fallback,
      floorOf: (channel) => settings.floorOf(channel, receiptMs()),
    }),
  );

  if (config.triage !== null) {
    const triaging = { pool, processorId, config: config.triage, observe };
    stack.use(startTriaging({ ...triaging, onNoted: dispatching.wake }));
  }

  const snapshot = await restoreState({ config, path, receiptMs: receiptMs(), observe });
  waitFor("what the last process could not write to the database");
  const spilled = spillPath === null ? null : await replaySpill({ path: spillPath, observe });
  const waiting = newestStates([...snapshot.pending, ...(spilled?.states ?? [])]);
  const state = { ...snapshot, pending: waiting };
  const detection = stack.use(
    startDetection({
      ...{
        ...shared,
        state,
        spill:
          spillPath === null
            ? null
            : {
                path: spillPath,
                size: spilled?.size ?? 0,
                ...orphansOf(slotFolder, watch, options),
              },
      },
      ...{ config, receiptMs, processorId, stopping, onWritten: dispatching.wake },
      channels: settings.told,
      rules: settings,
    }),
  );
  const { pipeline, metrics, directory, announcer } = detection;
  pendingCount = () => announcer.pendingCount;
  rank = () => detection.shared?.rankOf(processorId) ?? 0;
  const { snapshotSeconds } = config;
  const pending = () => announcer.pendingState();
  const snapshots = startSnapshots({ path, state, pending, snapshotSeconds, clock, observe });
  // It is written beside the rest of the stop: a slow disk must not keep what waits from being kept.
  stack.defer(() => {
    saved = Promise.resolve(snapshots[Symbol.asyncDispose]());
  });
  stack.use(startLoop({ name: "tick", idleMs: TICK_MS, observe }, () => pipeline.tick()));

  const services = new ServicesView({ ...detection, clock });
  const whyNot = new WhyNot({ ...detection, pool, receiptMs });
  const events = new LiveEvents(() => ({
    recordsTotal: observe.recordsAccepted(),
    services: services.count,
  }));
  stack.use(startLive({ ...shared, events }));
  waitFor("HTTP");
  const inFlight = new InFlight({ bytesMax: config.ingestInFlightBytesMax });
  observe.watch({
    series: () => directory.size,
    seriesMax: () => directory.seriesMax,
    otherRecords: () => directory.overflowed,
    inFlightBytes: () => inFlight.bytes,
    peers: () => detection.shared?.peers ?? 0,
    drops: () => detection.shared?.drops ?? "on_all",
  });
  const http = await startHttp({
    ...{ config, version: options.version, keysStored, pool, pipeline, metrics, inFlight, observe },
    ...{ services, whyNot, events, channelStates, clock, wakeDispatch: dispatching.wake },
    channels: () => settings.channels,
    linkBase,
    waiting: () => ({ outage: watch.outage, signals: pendingCount() }),
  });
  if (config.heartbeatUrl !== null) {
    const touchDatabase = () =>
      store.heartbeat(pool, processorId).then(async () => void (await readDatabaseMs()));
    const { missing } = http;
    stack.use(startHeartbeat({ url: config.heartbeatUrl, touchDatabase, missing, clock, observe }));
  }
  stopListening = async () => http[Symbol.asyncDispose]();
  stack.defer(() => http.refuse());
  stack.defer(() => stopping.begin());
  pageUrl = config.publicUrl ?? http.url;
  if (config.syslog !== null) {
    const { syslog } = config;
    stack.use(await startSyslog({ config: syslog, pipeline, inFlight, observe, clock }));
  }

  const owned = stack.move();
  return {
    url: http.url,
    processorId,
    failed: database.failed,
    reload: (next) => {
      settings.replace(next);
      dispatching.use(settings);
      watch.use(settings.channels, next.fallbackChannel);
      observe({ name: "channels_configured", channels: settings.names });
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** What dead processes have left beside this one's folder; nothing when it has none beside it. */
function orphansOf(
  folder: string | null,
  watch: DatabaseWatch,
  { observe, clock = systemClock }: TracerOptions,
): Pick<SpillPlace, "findOrphans"> {
  if (folder === null) return {};
  const { wallMs } = clock;
  const inherit = (state: ToldState) => watch.inherit(state);
  return {
    findOrphans: (adopt) => adoptOrphans({ folder, wallMs, adopt, inherit, observe }),
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
