import type { Decision } from "@tracer/store";
import { seriesIdOf } from "@tracer/store";
import type { Judgement } from "./judgement.ts";

export const MINUTE_MS = 60_000;
export const START_MS = Date.UTC(2026, 0, 5, 10);
export const KEY = { project: "default", environment: "", service: "checkout" };

/** A calm minute of errors. */
export function aJudgement(overrides: Partial<Judgement> = {}): Judgement {
  return {
    kind: "error",
    part: "",
    state: "calm",
    evidence: 0.5,
    peakEvidence: 1,
    bar: 12,
    observed: 0.01,
    expected: 0.012,
    expectedLow: 0,
    expectedHigh: 0.04,
    why: "evidence 1 of 12",
    ...overrides,
  };
}

export function aDecision(overrides: Partial<Decision> = {}): Decision {
  const series = seriesIdOf(KEY);
  return { ...aJudgement(), series, atMs: START_MS, unseenFromMs: null, ...overrides };
}
