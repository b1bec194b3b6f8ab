import type { Clock, CountDeltas } from "@tracer/core";
import { type Detector, MetricBook, type TemplateBook } from "@tracer/detect";
import { ExemplarRings, type SeriesDirectory } from "@tracer/ingest";
import * as store from "@tracer/store";
import { Announcer } from "./announcer.ts";
import type { Config } from "./config.ts";
import { judgedOf } from "./decisions/judgement.ts";
import { DecisionRecorder } from "./decisions/recorder.ts";
import { startLoop } from "./loop.ts";
import { MetricPipeline } from "./metric-pipeline.ts";
import type { Observe } from "./observe.ts";
import { Pipeline } from "./pipeline.ts";
import type { LiveSettings } from "./settings/live-settings.ts";
import { SharedCounts } from "./shared-counts.ts";
import { createState, type RestoredState } from "./snapshots.ts";
import { type FindOrphans, startSpill } from "./spill/spill.ts";
import type { StopClock } from "./stopping.ts";

export interface DetectionOptions {
  readonly config: Config;
  readonly clock: Clock;
  /** Receipt time, ms since the epoch. */
  readonly receiptMs: () => number;
  readonly pool: store.Pool;
  /** Names of the channels that an incident is announced to; what rules say comes before. */
  readonly channels: readonly string[];
  /** Who is told of what, and what is kept of a line; without them everybody and everything. */
  readonly rules?: Pick<LiveSettings, "judge" | "redact" | "told">;
  readonly observe: Observe;
  /** Called after something was written that a channel may have to send. */
  readonly onWritten: () => void;
  /** Id of this processor, when others may share the database and the traffic with it. */
  readonly processorId?: string;
  /** What was known before; a detector that has seen nothing when it is not given. */
  readonly state?: RestoredState;
  /** Where it is kept while the database is away, and how many bytes are there; null: nowhere. */
  readonly spill?: SpillPlace | null;
  /** How long its end may take; as long as it takes when it is not given. */
  readonly stopping?: StopClock;
}

export interface SpillPlace {
  readonly path: string;
  readonly size: number;
  /** See SpillOptions. */
  readonly findOrphans?: FindOrphans;
}

export interface Detection extends AsyncDisposable {
  readonly directory: SeriesDirectory;
  readonly detector: Detector;
  readonly templates: TemplateBook;
  readonly pipeline: Pipeline;
  readonly metrics: MetricPipeline;
  readonly announcer: Announcer;
  readonly recorder: DecisionRecorder;
  /** Null when nobody can share the database. */
  readonly shared: SharedCounts | null;
}

const FLUSH_MS = 500;
const SHARE_MS = 1_000;
const METRIC_TICK_MS = 1_000;
/** Its holder tells of volumes. */
const VOLUME_LEASE = "volume";
/** Counts of what was answered from a read are written this often. */
const COUNT_FLUSH_MS = 1_000;
/** Shorter than a minute, so that each closed one is looked at. */
const RECORD_MS = 50_000;
/** An open signal is sighted at least this often. */
const SIGHT_SECONDS_MAX = 10;

/** From bytes to rows: the detector, what it needs, and the loop that writes what it finds. */
export function startDetection(options: DetectionOptions): Detection {
  const { config, clock, receiptMs, pool, channels, observe, onWritten, rules } = options;
  const redact = (line: string) => rules?.redact(line) ?? line;
  const { staleSeconds, holdSeconds, quietSeconds, repeatSeconds, clearSeconds } = config;
  const { directory, detector, templates, pending } = options.state ?? {
    ...createState(config),
    pending: [],
  };
  const rings = new ExemplarRings();
  const book = new MetricBook({ seriesMax: config.metricSeriesMax });
  const shared = sharedCountsOf({
    ...{ ...options, directory, detector },
    count: (deltas) => pipeline.countForeign(deltas),
  });
  const readFirst = new store.ReadFirst({
    db: pool,
    sightOptions: {
      ...{ holdSeconds, quietSeconds, repeatSeconds },
      get channels() {
        return rules?.told ?? channels; // As they are now.
      },
    },
    monotonicMs: clock.monotonicMs,
    onFlushed: (results) => {
      if (results.some(({ outcome }) => outcome !== "duplicate" && outcome !== "late")) onWritten();
    },
  });
  const announcer = new Announcer({
    staleSeconds,
    sightSeconds: Math.min(SIGHT_SECONDS_MAX, quietSeconds / 3),
    receiptMs,
    monotonicMs: clock.monotonicMs,
    keyOf: (slot) => book.keyOf(slot) ?? directory.key(slot),
    announces: (kind) => shared?.announces(kind) ?? true,
    templatesOf: (signal) => templates.templatesOf(signal),
    linesOf: (slot, sinceMs) => rings.take(slot, sinceMs).map(({ text }) => redact(text)),
    ...(rules === undefined ? {} : { judge: (signal) => rules.judge(signal) }),
    sight: (sightings) => readFirst.sight(sightings),
    clear: async (keys) => {
      await readFirst.flush(); // Written after the end, a sighting would take it back.
      await store.clear(pool, keys, { clearSeconds });
    },
    observe,
    onWritten,
  });
  announcer.restorePending(pending);
  announcer.resume([...detector.openSignals(), ...templates.openSignals()]);
  const flush = () => announcer.flush();
  const announcing = startLoop({ name: "announce", idleMs: FLUSH_MS, observe }, flush);
  const counting = startLoop({ name: "counts", idleMs: COUNT_FLUSH_MS, observe }, () =>
    readFirst.flush(),
  );
  const onSignals = announcing.wake;
  const { monotonicMs } = clock;
  const spilling = options.spill
    ? startSpill({ ...options.spill, announcer, monotonicMs, observe })
    : null;
  const recorder = new DecisionRecorder({
    ...{ receiptMs, staleSeconds, observe },
    judge: (slot) => judgedOf(detector, templates, slot),
    pipeline: () => detector.pipeline,
    keyOf: (slot) => directory.key(slot),
    slotEnd: () => directory.slotEnd,
    write: (rows) => store.writeDecisions(pool, rows),
  });
  const recording = startLoop({ name: "decisions", idleMs: RECORD_MS, observe }, () =>
    recorder.round(),
  );
  const parts = { directory, detector, templates, rings, announcer, decisions: recorder };
  const pipeline = new Pipeline({
    ...{ ...parts, receiptMs, observe, onSignals },
    redact,
    collect: (deltas) => shared?.collect(deltas),
  });
  const metrics = new MetricPipeline({ book, announcer, receiptMs, observe, onSignals });
  const ticking = startLoop({ name: "metric_tick", idleMs: METRIC_TICK_MS, observe }, () =>
    metrics.tick(),
  );
  const loops = [announcing, counting, recording, ticking];
  if (shared !== null) {
    loops.push(startLoop({ name: "share", idleMs: SHARE_MS, observe }, () => shared.round()));
  }
  return {
    directory,
    detector,
    templates,
    pipeline,
    metrics,
    announcer,
    recorder,
    shared,
    [Symbol.asyncDispose]: async () => {
      // What was admitted is written before the end, if the database is there.
      const last = async () => {
        await Promise.all(loops.map((loop) => loop[Symbol.asyncDispose]()));
        try {
          await flush();
          await readFirst.flush();
          await recorder.round();
          await shared?.stop();
        } catch (error) {
          observe({ name: "loop_failed", loop: "announce", error });
        }
      };
      await (options.stopping === undefined ? last() : options.stopping.within("write", last()));
      await spilling?.[Symbol.asyncDispose]();
    },
  };
}

interface SharedCountsParts
  extends Pick<
    DetectionOptions,
    "config" | "processorId" | "pool" | "receiptMs" | "clock" | "observe"
  > {
  readonly directory: SeriesDirectory;
  readonly detector: Detector;
  readonly count: (deltas: CountDeltas) => { readonly late: number };
}

/** Null with the embedded database, which belongs to one processor. */
function sharedCountsOf(parts: SharedCountsParts): SharedCounts | null {
  const { config, processorId, pool, directory, detector, receiptMs, clock, observe } = parts;
  if (processorId === undefined || config.databaseUrl === null) return null;
  const lease = { name: VOLUME_LEASE, holder: processorId };
  return new SharedCounts({
    ...{ detector, receiptMs, observe, monotonicMs: clock.monotonicMs, count: parts.count },
    keyOf: (slot) => directory.key(slot),
    slotOf: (key) => directory.intern(key),
    flush: (flush, counts) => store.flushStepCounts(pool, { processorId, flush, counts }),
    read: (cursors) => store.readStepCounts(pool, { processorId, cursors }),
    hold: () => store.holdLease(pool, lease),
    release: () => store.releaseLease(pool, lease),
  });
}
