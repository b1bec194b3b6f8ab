import type { Sighting, SightOptions } from "@tracer/store";

export const SIGHT_OPTIONS: SightOptions = {
  holdSeconds: 8,
  quietSeconds: 300,
  repeatSeconds: 14_400,
  channels: ["slack"],
};

const EVIDENCE: Sighting["evidence"] = {
  unit: "share",
  observed: 0.124,
  peak: 0.124,
  expected: 0.006,
  expectedLow: 0,
  expectedHigh: 0.02,
  ratio: 20.7,
  z: 9.1,
  ewma: 0.0061,
  rateOfChange: null,
  evidence: 21,
  bar: 13,
  sampleSize: 1_200,
  baselineAgeSeconds: 86_400,
  sparkline: [0.005, null, 0.124],
  sentence: "12.4 % of records are errors, 0.6 % expected (20.7×)",
};

/** A sighting of `error` at the checkout, just made, of a signal that began 40 s ago. */
export function aSighting({
  service = "checkout",
  ...rest
}: Partial<Sighting> & { readonly service?: string } = {}): Sighting {
  return {
    key: { project: "default", environment: "", service, kind: "error", part: "" },
    severity: "error",
    onsetAgeMs: 40_000,
    ageMs: 0,
    occurrences: 1,
    peak: 1,
    title: `Errors in ${service}`,
    evidence: EVIDENCE,
    exemplars: ["payment failed: card <*> declined"],
    ...rest,
  };
}
