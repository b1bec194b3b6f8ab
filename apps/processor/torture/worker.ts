// One processor without its detector: the real announcer, reservation and dispatcher, told on stdin what its
// detector would see. Run by the torture's driver; ends when stdin does.
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { type Clock, crashPoints, fingerprintOf, type Signal, systemClock } from "@tracer/core";
import { type Channel, pagerdutyChannel, slackChannel } from "@tracer/notify";
import * as store from "@tracer/store";
import { aSighting } from "@tracer/testkit";
import { Announcer } from "../src/announcer.ts";
import { ChannelStates } from "../src/channel-states.ts";
import { startDispatching } from "../src/dispatching.ts";
import { startLoop } from "../src/loop.ts";
import type { Observe } from "../src/observe.ts";
import { ReceiptClock } from "../src/receipt-clock.ts";
import type { TracerEvent } from "../src/tracer-event.ts";
import { keyOf, shardOf } from "./keys.ts";
import { Command, type Report, type SightedSignal, WorkerSetup } from "./protocol.ts";
import { timedPool } from "./timed-pool.ts";
import { openFiles } from "./worker-files.ts";

const FLUSH_MS = 500;
const CLOCK_MS = 1_000;
const CLOCK_RETRY_MS = 200;
/** Above what the sink needs, so that the torture is not a test of patience; the pace has tests of its own. */
const PACE = { perSecond: 25, burst: 25 };

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const first = await lines.next();
const setup = WorkerSetup.parse(JSON.parse(first.done === true ? "{}" : first.value));
const { processorId, times, channels: channelSetups } = setup;

function say(report: Report): void {
  process.stdout.write(`${JSON.stringify(report)}\n`);
}

function observed(event: TracerEvent): void {
  if (event.name === "delivery_settled") {
    const { incidentId, channel, outcome, maybeRepeat } = event;
    say({ said: "settled", incidentId, channel, outcome, maybeRepeat });
  } else if (event.name === "loop_failed" || event.name === "sighting_dropped") {
    const reason = event.error instanceof Error ? event.error.message : String(event.error);
    say({ said: "failed", loop: event.name === "loop_failed" ? event.loop : "sighting", reason });
  }
}

const observe: Observe = Object.assign(observed, {
  metrics: async () => "",
  watch: () => {},
  recordsAccepted: () => 0,
  close: () => {},
});

/** The machine's clock, whatever is done to `Date` below. */
const machineMs = () => performance.timeOrigin + performance.now();

/** The machine's clock as this process sees it. */
function skewedClock({ skewMs, stepMs, stepEveryMs }: WorkerSetup["clock"]): Clock {
  const { monotonicMs } = systemClock;
  const step = () =>
    stepMs !== 0 && Math.floor(monotonicMs() / stepEveryMs) % 2 === 1 ? stepMs : 0;
  return { monotonicMs, wallMs: () => machineMs() + skewMs + step() };
}

const clock = skewedClock(setup.clock);
Date.now = clock.wallMs; // Also what reads the date behind our back is deceived.

const SLOW_CALL_MS = 1_000;

const pool = timedPool(
  store.openPool({
    connectionString: setup.connectionString,
    connectionsMax: setup.connectionsMax,
    applicationName: processorId,
  }),
  (ms) => {
    if (ms > SLOW_CALL_MS) say({ said: "slow", ms });
  },
);
const receipt = new ReceiptClock(clock);
const readDatabaseMs = () => store.serverTimeMs(pool);
const readClock = async () => {
  if (await receipt.refresh(readDatabaseMs)) await receipt.refresh(readDatabaseMs);
};
const yes = () => true;
const no = () => false; // A busy machine: connecting took more than a second.
while (!(await readClock().then(yes, no))) await pause(CLOCK_RETRY_MS);
const clockLoop = startLoop({ name: "clock", idleMs: CLOCK_MS, observe }, readClock);

const channels: Channel[] = channelSetups.map(({ kind, name, url, target, groups }) =>
  kind === "slack"
    ? slackChannel({
        name,
        token: "xoxb-test",
        channel: target,
        apiUrl: url,
        groups,
        timings: times,
      })
    : pagerdutyChannel({ name, routingKey: target, eventsUrl: url, timings: times }),
);

const slackNames = channels.filter(({ kind }) => kind === "slack").map(({ name }) => name);
const otherNames = channels.filter(({ kind }) => kind !== "slack").map(({ name }) => name);

/** Channels of each shard of fingerprints. */
const channelsOfShard = Array.from({ length: setup.shards }, (_, shard) => [
  ...slackNames.filter((_name, index) => index % setup.shards === shard),
  ...otherNames,
]);

if (setup.crash !== null) {
  const { point, passes, afterMs } = setup.crash;
  const kill = () => process.kill(process.pid, "SIGKILL");
  const crash = () => {
    if (afterMs === 0) kill();
    else setTimeout(kill, afterMs);
  };
  crashPoints.arm(point, { passes, crash });
}

const dispatching = setup.dispatches
  ? startDispatching({
      ...{ pool, processorId, channels, clock, observe },
      channelStates: new ChannelStates(channels, clock.wallMs),
      quietSeconds: times.quietSeconds,
      leaseSeconds: times.leaseSeconds,
      digestDueMin: times.digestDueMin,
      fallback: null,
      paceOf: () => PACE,
      linkBase: () => "http://127.0.0.1:4318",
    })
  : null;

async function sight(sightings: readonly store.Sighting[]): Promise<store.SightResult[]> {
  const results: store.SightResult[] = [];
  const byShard = Map.groupBy(sightings, ({ key }) => shardOf(fingerprintOf(key), setup.shards));
  for (const [shard, part] of byShard) {
    const options = { ...times, channels: channelsOfShard[shard] ?? [] };
    const startedMs = performance.now();
    const answered = await store.sight(pool, part, options);
    say({ said: "sighted", results: answered, ms: performance.now() - startedMs });
    results.push(...answered);
  }
  return results;
}

const slots = new Map<string, number>();
const services: string[] = []; // By slot.

function signalOf({ service, onsetAgeMs, severity }: SightedSignal): Signal {
  const slot = slots.get(service) ?? services.push(service) - 1;
  slots.set(service, slot);
  const nowMs = receipt.nowMs();
  return {
    ...{ slot, kind: "error", part: "", severity, peak: 1, evidence: aSighting().evidence },
    ...{ onsetMs: nowMs - onsetAgeMs, decidedMs: nowMs, lastStepMs: nowMs },
  };
}

const announcer = new Announcer({
  staleSeconds: 900,
  sightSeconds: 10,
  receiptMs: () => receipt.nowMs(),
  monotonicMs: clock.monotonicMs,
  keyOf: (slot) => {
    const service = services[slot];
    return service === undefined ? undefined : keyOf(service);
  },
  linesOf: () => ["payment failed: card declined"],
  sight,
  clear: async (keys) => {
    await store.clear(pool, keys, times);
    say({ said: "cleared", fingerprints: keys.map(fingerprintOf) });
  },
  observe,
  onWritten: () => dispatching?.wake(),
});
const { folder } = setup;
const files =
  folder === null
    ? null
    : await openFiles({ folder, clock, observe, receiptMs: () => receipt.nowMs() });
announcer.restorePending(files?.left ?? []);
const announcing = startLoop({ name: "announce", idleMs: FLUSH_MS, observe }, () =>
  announcer.flush(),
);

files?.start(announcer);

async function obey(command: Command): Promise<void> {
  switch (command.do) {
    case "sight":
      if (command.atMs !== null) await pause(Math.max(0, command.atMs - machineMs()));
      announcer.sight(command.signals.map(signalOf));
      return announcing.wake();
    case "clear": {
      const signals = command.services.map((service) =>
        signalOf({ service, onsetAgeMs: 0, severity: "error" }),
      );
      announcer.take(signals.map((signal) => ({ state: "resolved", reason: "evidence", signal })));
      return announcing.wake();
    }
    case "hog": {
      const clients = await Promise.all(
        Array.from({ length: setup.connectionsMax }, () => pool.connect()),
      );
      setTimeout(() => {
        for (const client of clients) client.release();
      }, command.ms);
      return;
    }
    default:
      return command satisfies never;
  }
}

say({ said: "ready" });
for await (const line of { [Symbol.asyncIterator]: () => lines }) {
  const command = Command.parse(JSON.parse(line));
  void obey(command).then(
    () => say({ said: "taken", id: command.id }),
    (error: unknown) => say({ said: "failed", loop: "command", reason: String(error) }),
  );
}
await announcing[Symbol.asyncDispose]();
await files?.[Symbol.asyncDispose]();
await dispatching?.[Symbol.asyncDispose]();
await clockLoop[Symbol.asyncDispose]();
await pool.end();
process.exit(0);
