import { setTimeout as pause } from "node:timers/promises";
import type { Clock } from "@tracer/core";
import type { Channel } from "@tracer/notify";
import * as store from "@tracer/store";
import type { PaceLimits } from "./channel-pace.ts";
import type { ChannelStates } from "./channel-states.ts";
import {
  type ChannelWatchOptions,
  createChannelTrouble,
  startChannelWatch,
} from "./channel-watch.ts";
import type { DatabaseWatch } from "./database-watch.ts";
import { Dispatcher } from "./dispatcher.ts";
import { type Loop, startLoop } from "./loop.ts";
import type { Observe } from "./observe.ts";
import { Pulse } from "./pulse.ts";
import { StopClock } from "./stopping.ts";

export interface DispatchingOptions {
  readonly pool: store.Pool;
  readonly processorId: string;
  readonly channels: readonly Channel[];
  readonly channelStates: ChannelStates;
  /** An incident that nobody has sighted for this long is over. */
  readonly quietSeconds: number;
  /** The channel for what no other could deliver, and how long that is waited for. */
  readonly fallback: { readonly channel: string; readonly afterSeconds: number } | null;
  /** The rank of severity below which nothing is sent to a channel now; 0: everything is. Default: 0 always. */
  readonly floorOf?: (channel: string) => number;
  /** How long the right to send lasts, default 30; longer than twice the longest send. */
  readonly leaseSeconds?: number;
  /** See DispatcherOptions. */
  readonly digestDueMin?: number;
  /** How fast a kind of channel may be used. Default: what its provider lets. */
  readonly paceOf?: (kind: string) => PaceLimits;
  /** Alerts link to pages below this URL; known once HTTP listens. */
  readonly linkBase: () => string;
  readonly clock: Clock;
  /** Ms since the epoch, as the database has it. Default: this machine's clock. */
  readonly nowMs?: () => number;
  readonly observe: Observe;
  /** Learns from the heartbeat whether the database is there. */
  readonly watch?: DatabaseWatch;
  /** Of the whole process. Default: one of its own, from the disposing on. */
  readonly stopping?: StopClock;
}

type Destinations = Pick<DispatchingOptions, "channels" | "fallback">;

export interface Dispatching extends AsyncDisposable {
  /** From now on with these channels, and this fall-back. */
  readonly use: (now: Destinations) => void;
  /** Looks for due deliveries now. */
  readonly wake: () => void;
}

const HEARTBEAT_MS = 1_000;
const RESOLVE_MS = 1_000;
const CLAIM_MS = 250;
const LEASE_SECONDS = 30;
/** A storm that goes on is told of this often; in between the most urgent have messages of their own. */
const DIGEST_PAUSE_SECONDS = 10;
/** Sends in flight may take this long when Tracer stops. */
const DRAIN_MS = 5_000;
const SWEEP_MS = 60_000;
const SWEEP_ROUNDS_MAX = 10;
const SWEPT_AT_ONCE_MAX = 1_000;
const RESOLVED_AT_ONCE_MAX = 200;
const FALL_BACK_MS = 2_000;
const QUIET_MS = 5_000;
/** A channel is quiet for so long after a processor has last said so. */
const QUIET_SECONDS = 15;
const FALLEN_BACK_AT_ONCE_MAX = 500;

/** Everything that follows from rows: ending quiet incidents, sending what is due, showing life,
 * deleting what has expired. */
export function startDispatching(options: DispatchingOptions): Dispatching {
  const { pool, processorId, channels, channelStates, linkBase, clock, observe } = options;
  const { leaseSeconds = LEASE_SECONDS } = options;
  const pulse = new Pulse(clock.monotonicMs);
  let wake = () => {};
  let destinations: Destinations = options;
  const watchOptions: ChannelWatchOptions = {
    ...{ pool, processorId, observe },
    channels: () => destinations.channels,
    fallback: () => destinations.fallback?.channel ?? null,
    linkOf: (incidentId) => `${linkBase()}/i/${incidentId}`,
    nowMs: options.nowMs ?? clock.wallMs,
  };
  const trouble = createChannelTrouble(watchOptions);
  const dispatcher = new Dispatcher({
    channels,
    ...(options.paceOf === undefined ? {} : { paceOf: options.paceOf }),
    ...(options.digestDueMin === undefined ? {} : { digestDueMin: options.digestDueMin }),
    // Who looks dead leaves it to the others.
    claim: async (channel, wanted) =>
      pulse.signal.aborted
        ? []
        : store.claimDeliveries(pool, { processorId, channel, leaseSeconds, ...wanted }),
    aliveSignal: () => pulse.signal,
    recordAttempt: (delivery) => store.recordAttempt(pool, { ...delivery, processorId }),
    settle: (settled) => store.settle(pool, settled),
    claimDigest: async (channel, { due, ownAlone }) =>
      pulse.signal.aborted
        ? null
        : store.claimDigest(pool, {
            ...{ processorId, channel, due, ownAlone },
            leaseSeconds,
            pauseSeconds: DIGEST_PAUSE_SECONDS,
          }),
    recordDigestAttempt: (digest) => store.recordDigestAttempt(pool, digest, { processorId }),
    settleDigest: (settled) => store.settleDigest(pool, settled),
    listLink: () => `${linkBase()}/`,
    linkOf: watchOptions.linkOf,
    monotonicMs: clock.monotonicMs,
    pause: (ms, signal) => pause(ms, undefined, { signal }).catch(() => {}), // Rejects when aborted.
    random: Math.random,
    observe,
    onSettled: (channel, verdict) => {
      const { fixOf } = destinations.channels.find(({ name }) => name === channel) ?? {};
      const fix = verdict.kind === "sent" ? null : (fixOf?.(verdict.reason) ?? null);
      channelStates.settled(channel, verdict, fix);
      trouble.settled(channel, verdict, fix);
    },
    onFree: () => wake(),
  });
  const heartbeat = () => store.heartbeat(pool, processorId);
  const beating = startLoop({ name: "heartbeat", idleMs: HEARTBEAT_MS, observe }, async () => {
    const begunMs = clock.monotonicMs();
    await (options.watch === undefined ? heartbeat() : options.watch.attempt(heartbeat));
    pulse.beaten(begunMs);
  });
  const claiming = startLoop({ name: "dispatch", idleMs: CLAIM_MS, jitter: 0.2, observe }, () =>
    dispatcher.round(),
  );
  wake = claiming.wake;
  const loops = [
    claiming,
    ...startRowLoops(options, () => destinations, claiming.wake),
    ...startChannelWatch(watchOptions, trouble),
  ];
  const { stopping = new StopClock(clock.monotonicMs, observe) } = options;
  const drain = async () => {
    const ended = Promise.all(loops.map((loop) => loop[Symbol.asyncDispose]()));
    // Sends in flight are cut off in time also when a claim hangs.
    const graceMs = () => Math.min(DRAIN_MS, stopping.leftMs("send"));
    await Promise.all([ended, dispatcher.drain(graceMs())]);
    await dispatcher.drain(graceMs());
  };
  const retire = async () => {
    await beating[Symbol.asyncDispose]();
    if (options.watch?.outage) return; // Others see soon enough that the heartbeat is missing.
    await store.retire(pool, processorId).catch((error: unknown) => {
      observe({ name: "loop_failed", loop: "retire", error });
    });
  };
  return {
    wake: claiming.wake,
    use: (now) => {
      destinations = { channels: now.channels, fallback: now.fallback };
      dispatcher.use(now.channels);
      channelStates.use(now.channels);
    },
    [Symbol.asyncDispose]: async () => {
      await stopping.within("settle", drain());
      await stopping.within("retire", retire());
      pulse[Symbol.dispose]();
    },
  };
}

/** What follows from rows besides sending. */
function startRowLoops(
  options: DispatchingOptions,
  destinations: () => Destinations,
  wakeClaims: () => void,
): Loop[] {
  const { pool, processorId, quietSeconds, floorOf = () => 0, observe } = options;
  const channelNames = () => destinations().channels.map(({ name }) => name);
  const resolve = async () => {
    const watch = { processorId, quietSeconds };
    const resolved = await store.resolveQuiet(pool, { limit: RESOLVED_AT_ONCE_MAX, watch });
    if (resolved.length === 0) return;
    observe({ name: "incidents_resolved", count: resolved.length });
    wakeClaims();
  };
  const sweep = async () => {
    for (let rounds = 0; rounds < SWEEP_ROUNDS_MAX; rounds += 1) {
      const channels = channelNames();
      const swept = await store.sweep(pool, { limit: SWEPT_AT_ONCE_MAX, channels });
      if (swept < SWEPT_AT_ONCE_MAX) break;
    }
  };
  const keepQuiet = async () => {
    for (const channel of channelNames()) {
      const floor = floorOf(channel);
      if (floor > 0) await store.keepQuiet(pool, { channel, floor, seconds: QUIET_SECONDS });
    }
  };
  const fallBack = async () => {
    const { fallback } = destinations();
    if (fallback === null) return;
    const falling = { ...fallback, processorId, limit: FALLEN_BACK_AT_ONCE_MAX };
    const count = await store.fallBack(pool, falling);
    if (count === 0) return;
    observe({ name: "fallen_back", channel: fallback.channel, count });
    wakeClaims();
  };
  const jitter = 0.2;
  return [
    startLoop({ name: "resolve", idleMs: RESOLVE_MS, jitter, observe }, resolve),
    startLoop({ name: "sweep", idleMs: SWEEP_MS, jitter: 0.5, observe }, sweep),
    startLoop({ name: "quiet-hours", idleMs: QUIET_MS, jitter, observe }, keepQuiet),
    startLoop({ name: "fall-back", idleMs: FALL_BACK_MS, jitter, observe }, fallBack),
  ];
}
