import { CRASH_POINTS, SEVERITIES } from "@tracer/core";
import { z } from "zod";

/** What the driver and its workers say to each other: one JSON object a line, on stdin and stdout. */

const ChannelSetup = z.object({
  kind: z.enum(["slack", "pagerduty"]),
  /** Unique in the database of the row. */
  name: z.string(),
  url: z.string(),
  /** Slack's id of the channel, or PagerDuty's routing key. */
  target: z.string(),
  /** Incidents that belong together share one message. */
  groups: z.boolean(),
});

export type ChannelSetup = z.infer<typeof ChannelSetup>;

/** How long things take; the slice and the full run differ in these. Seconds, and ms for sends. */
const Times = z.object({
  leaseSeconds: z.number(),
  /** More than so many that are due go out as a digest. */
  digestDueMin: z.number(),
  holdSeconds: z.number(),
  quietSeconds: z.number(),
  repeatSeconds: z.number(),
  clearSeconds: z.number(),
  requestMs: z.number(),
  lookupMs: z.number(),
  sendMs: z.number(),
  settleMs: z.number(),
});

export type Times = z.infer<typeof Times>;

export const WorkerSetup = z.object({
  processorId: z.string(),
  connectionString: z.string(),
  connectionsMax: z.number(),
  times: Times,
  channels: z.array(ChannelSetup),
  /** Slack channels among which incidents are spread, by fingerprint; the others get all. 1: all get all. */
  shards: z.number(),
  /** Where it keeps its snapshot and spill file, as a whole processor does; null: nowhere. */
  folder: z.string().nullable(),
  /** False: it sights and sends nothing. */
  dispatches: z.boolean(),
  clock: z.object({
    /** The date of the process is this far off. */
    skewMs: z.number(),
    /** And jumps by this, there and back, each `stepEveryMs`; 0: it does not. */
    stepMs: z.number(),
    stepEveryMs: z.number(),
  }),
  /** Ends the process with SIGKILL, `afterMs` after the point was passed so often. */
  crash: z
    .object({ point: z.enum(CRASH_POINTS), passes: z.number(), afterMs: z.number() })
    .nullable(),
});

export type WorkerSetup = z.infer<typeof WorkerSetup>;

/** One signal that a detector has open. The age is how long ago it began. */
const SightedSignal = z.object({
  service: z.string(),
  onsetAgeMs: z.number(),
  severity: z.enum(SEVERITIES),
});

export type SightedSignal = z.infer<typeof SightedSignal>;

export const Command = z.discriminatedUnion("do", [
  z.object({
    id: z.number(),
    do: z.literal("sight"),
    signals: z.array(SightedSignal),
    /** Not before this instant by the machine's clock, in ms, so that several begin at once. */
    atMs: z.number().nullable(),
  }),
  /** The detector is satisfied. What the worker has not sighted it does not clear. */
  z.object({ id: z.number(), do: z.literal("clear"), services: z.array(z.string()) }),
  /** Takes all connections of the pool away for a while. */
  z.object({ id: z.number(), do: z.literal("hog"), ms: z.number() }),
]);

export type Command = z.infer<typeof Command>;

const Sighted = z.object({ fingerprint: z.string(), epoch: z.number(), outcome: z.string() });

export type Sighted = z.infer<typeof Sighted>;

export const Report = z.discriminatedUnion("said", [
  z.object({ said: z.literal("ready") }),
  /** The command was taken; what it leads to is said when it has happened. */
  z.object({ said: z.literal("taken"), id: z.number() }),
  /** The database has answered: from here on it is a promise. */
  z.object({
    said: z.literal("sighted"),
    results: z.array(Sighted),
    /** What the database took to answer. */
    ms: z.number(),
  }),
  /** A call of the database that took long, however it ended. */
  z.object({ said: z.literal("slow"), ms: z.number() }),
  z.object({ said: z.literal("cleared"), fingerprints: z.array(z.string()) }),
  z.object({
    said: z.literal("settled"),
    incidentId: z.string(),
    channel: z.string(),
    outcome: z.string(),
    maybeRepeat: z.boolean(),
  }),
  z.object({ said: z.literal("failed"), loop: z.string(), reason: z.string() }),
]);

export type Report = z.infer<typeof Report>;
