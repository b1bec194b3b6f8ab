import type { Clock } from "@tracer/core";
import type { Detector, TemplateBook } from "@tracer/detect";
import { ExemplarRings, type SeriesDirectory } from "@tracer/ingest";
import * as store from "@tracer/store";
import { Announcer } from "./announcer.ts";
import type { Config } from "./config.ts";
import { judgedOf } from "./decisions/judgement.ts";
import { DecisionRecorder } from "./decisions/recorder.ts";
import { startLoop } from "./loop.ts";
import type { Observe } from "./observe.ts";
import { Pipeline } from "./pipeline.ts";
import { createState, type RestoredState } from "./snapshots.ts";
import { startSpill } from "./spill/spill.ts";

export interface DetectionOptions {
  readonly config: Config;
  readonly clock: Clock;
  /** Receipt time, ms since the epoch. */
  readonly receiptMs: () => number;
  readonly pool: store.Pool;
  /** Names of the channels that an incident is announced to. */
  readonly channels: readonly string[];
  readonly observe: Observe;
  /** Called after something was written that a channel may have to send. */
  readonly onWritten: () => void;
  /** What was known before; a detector that has seen nothing when it is not given. */
  readonly state?: RestoredState;
  /** Where it is kept while the database is away, and how many bytes are there; null: nowhere. */
  readonly spill?: SpillPlace | null;
}

export interface SpillPlace {
  readonly path: string;
  readonly size: number;
}

export interface Detection extends AsyncDisposable {
  readonly directory: SeriesDirectory;
  readonly detector: Detector;
  readonly templates: TemplateBook;
  readonly pipeline: Pipeline;
  readonly announcer: Announcer;
  readonly recorder: DecisionRecorder;
}

const FLUSH_MS = 500;
/** Shorter than a minute, so that each closed one is looked at. */
const RECORD_MS = 50_000;
/** An open signal is sighted at least this often. */
const SIGHT_SECONDS_MAX = 10;

/** From bytes to rows: the detector, what it needs, and the loop that writes what it finds. */
export function startDetection(options: DetectionOptions): Detection {
  const { config, clock, receiptMs, pool, channels, observe, onWritten } = options;
  const { staleSeconds, holdSeconds, quietSeconds, repeatSeconds, clearSeconds } = config;
  const { directory, detector, templates, pending } = options.state ?? {
    ...createState(config),
    pending: [],
  };
  const rings = new ExemplarRings();
  const announcer = new Announcer({
    staleSeconds,
    sightSeconds: Math.min(SIGHT_SECONDS_MAX, quietSeconds / 3),
    receiptMs,
    monotonicMs: clock.monotonicMs,
    keyOf: (slot) => directory.key(slot),
    templatesOf: (signal) => templates.templatesOf(signal),
    linesOf: (slot, sinceMs) => rings.take(slot, sinceMs).map(({ text }) => text),
    sight: (sightings) =>
      store.sight(pool, sightings, { holdSeconds, quietSeconds, repeatSeconds, channels }),
    clear: (keys) => store.clear(pool, keys, { clearSeconds }),
    observe,
    onWritten,
  });
  announcer.restorePending(pending);
  announcer.resume([...detector.openSignals(), ...templates.openSignals()]);
  const flush = () => announcer.flush();
  const announcing = startLoop({ name: "announce", idleMs: FLUSH_MS, observe }, flush);
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
  const pipeline = new Pipeline({ ...parts, receiptMs, observe, onSignals });
  return {
    directory,
    detector,
    templates,
    pipeline,
    announcer,
    recorder,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([announcing, recording].map((loop) => loop[Symbol.asyncDispose]()));
      // What was admitted is written before the end, if the database is there.
      try {
        await flush();
        await recorder.round();
      } catch (error) {
        observe({ name: "loop_failed", loop: "announce", error });
      }
      await spilling?.[Symbol.asyncDispose]();
    },
  };
}
