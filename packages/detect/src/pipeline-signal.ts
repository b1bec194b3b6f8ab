import type { Signal } from "@tracer/core";
import { type Arrivals, PIPELINE_GAPS_MIN } from "./arrivals.ts";
import { pipelineSentence } from "./sentence.ts";

/** Slot of the one `pipeline` signal: it is about no series. */
export const PIPELINE_SLOT = -1;

/** The signal that nothing arrives at all, as of `receiptMs`. Its evidence is in nats of mean gaps. */
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
    lastStepMs: receiptMs,
    peak: 1,
    evidence: {
      unit: "records_per_minute",
      observed: 0,
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
      sentence: pipelineSentence(gapMs, arrivals.gapMs),
    },
  };
}
