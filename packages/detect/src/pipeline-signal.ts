import { type Signal, stepStartOf } from "@tracer/core";
import { type Arrivals, PIPELINE_GAPS_MIN } from "./arrivals.ts";
import { pipelineSentence } from "./sentence.ts";

/** `ok`: batches come. `frozen`: nothing for 45 s, ticks stand still. `silent`: its signal is open. */
export type PipelineState = "waiting" | "ok" | "frozen" | "silent";

/** Slot of the one `pipeline` signal: it is about no series. */
export const PIPELINE_SLOT = -1;

/**
 * The signal that nothing arrives at all, as of `receiptMs`. It is decided between two steps, and sighted
 * at the end of each from then on. Its evidence is in mean gaps, not nats, and there is no band: what it
 * says to people is its sentence.
 */
export function pipelineSignal(arrivals: Arrivals, decidedMs: number, receiptMs: number): Signal {
  const gapMs = Math.max(0, receiptMs - arrivals.lastMs);
  const expected = arrivals.recordsPerMinute;
  return {
    slot: PIPELINE_SLOT,
    kind: "pipeline",
    part: "",
    severity: "critical",
    onsetMs: arrivals.lastMs,
    decidedMs,
    lastStepMs: Math.max(decidedMs, stepStartOf(receiptMs)),
    peak: 1,
    evidence: {
      unit: "records_per_minute",
      observed: 0,
      peak: 0,
      expected,
      expectedLow: 0,
      expectedHigh: expected,
      ratio: expected > 0 ? 0 : null,
      z: null,
      ewma: null,
      rateOfChange: null,
      evidence: Math.min(gapMs / Math.max(arrivals.gapMs, 1), 9_999),
      bar: PIPELINE_GAPS_MIN,
      sampleSize: (expected * gapMs) / 60_000,
      baselineAgeSeconds: arrivals.ageMs / 1000,
      sparkline: [],
      sentence: pipelineSentence(gapMs, expected),
    },
  };
}
