import assert from "node:assert/strict";

/**
 * What may decide. `evidence` judges every step; the others judge every closed 60-second bucket. A snapshot
 * keeps the place in this list: a new one goes to the end.
 */
export const RULES = ["evidence", "z_score", "ewma", "rate_of_change", "median_mad"] as const;

export type Rule = (typeof RULES)[number];

export interface DetectorOptions {
  /** Series (services) held at once; a slot is below it. About 1 KB each once used. Default 100,000. */
  readonly seriesMax: number;
  /** How far behind its newest record a service may deliver, in seconds, 0 to 300. Default 10. */
  readonly latenessSeconds: number;
  /** A service is ticked once its newest record was this close to its receipt, in seconds. Default 900. */
  readonly staleSeconds: number;
  /** What decides. A signal opens when any of them says so and ends when the same one is satisfied. Default `["evidence"]`. */
  readonly rules: readonly Rule[];
  /** Open (series, step) cells held at once; a record beyond them is refused and counted. Default 2,000,000. */
  readonly openStepsMax: number;
}

const LATENESS_SECONDS_MAX = 300;
const SERIES_MAX_MAX = 10_000_000;

/** Fills in the defaults. A value out of range is a bug of the caller, who validates configuration. */
export function detectorOptions(given: Partial<DetectorOptions>): DetectorOptions {
  const options: DetectorOptions = {
    seriesMax: given.seriesMax ?? 100_000,
    latenessSeconds: given.latenessSeconds ?? 10,
    staleSeconds: given.staleSeconds ?? 900,
    rules: given.rules ?? ["evidence"],
    openStepsMax: given.openStepsMax ?? 2_000_000,
  };
  assert(Number.isSafeInteger(options.seriesMax));
  assert(options.seriesMax >= 1 && options.seriesMax <= SERIES_MAX_MAX);
  assert(options.latenessSeconds >= 0 && options.latenessSeconds <= LATENESS_SECONDS_MAX);
  assert(options.staleSeconds > 0);
  assert(options.rules.length > 0 && options.rules.every((rule) => RULES.includes(rule)));
  assert(Number.isSafeInteger(options.openStepsMax) && options.openStepsMax >= 1);
  return options;
}
