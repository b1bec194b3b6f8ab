import type { Evidence, Signal } from "@tracer/core";
import type { Observe, TracerEvent } from "./observe.ts";

/** Evidence of 12.4 % errors where 0.6 % are usual. */
export const EVIDENCE: Evidence = {
  unit: "share",
  observed: 0.124,
  expected: 0.006,
  expectedLow: 0,
  expectedHigh: 0.02,
  ratio: 20.7,
  z: 9.1,
  ewma: 0.006,
  rateOfChange: 2.1,
  evidence: 14,
  bar: 12,
  sampleSize: 120,
  baselineAgeSeconds: 3_600,
  sparkline: [0.006, null, 0.124],
  sentence: "12.4 % of records are errors, 0.6 % expected (20.7×)",
};

export function aSignal(overrides: Partial<Signal> = {}): Signal {
  return {
    slot: 3,
    kind: "error",
    part: "",
    severity: "error",
    onsetMs: 1_000_000,
    decidedMs: 1_030_000,
    lastStepMs: 1_030_000,
    peak: 0.124,
    evidence: EVIDENCE,
    ...overrides,
  };
}

/** An Observe that remembers what it was told. */
export function recordingObserve(): Observe & { readonly events: TracerEvent[] } {
  const events: TracerEvent[] = [];
  return Object.assign((event: TracerEvent) => void events.push(event), {
    events,
    metrics: async () => "",
    watch: () => {},
    recordsAccepted: () => 0,
    close: () => {},
  });
}
