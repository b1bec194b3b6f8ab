import { ewmaScore, medianAndSpread, robustCountScore, robustShareScore } from "./bucket-scores.ts";
import { BUCKET_STEPS, bucketOf, closedBucket, knownBuckets, type RingBucket } from "./buckets.ts";
import { countZ, type JudgedBucket, SCORED_BUCKETS_MIN, shareChange, shareZ } from "./explain.ts";
import type { Rule } from "./options.ts";
import type { SeriesColumns } from "./series-columns.ts";

/** The classic rules, each on one closed 60-second bucket against the closed ones before it. */

/** Deviations that fire, for `z_score`, `ewma` and `median_mad`. */
const RULE_SCORE_MIN = 4;
/** ln of the change that fires for `rate_of_change`: threefold. */
const RULE_CHANGE_MIN = Math.log(3);
/** A change of few records is chance, whatever its ratio: it must also be this many deviations. */
const CHANGE_DEVIATIONS_MIN = 4;
const ERRORS_MIN = 3;

type BucketRule = Exclude<Rule, "evidence">;

/** What a rule makes of the full, not yet closed bucket. Positive: more than expected. Null: no opinion. */
interface RuleScores {
  readonly errors: number | null;
  readonly records: number | null;
}

/** Bar of a rule, in the unit of its score. */
export function ruleBar(rule: BucketRule): number {
  return rule === "rate_of_change" ? RULE_CHANGE_MIN : RULE_SCORE_MIN;
}

/** Scores the bucket that ends with `step` before anything learns it. */
export function ruleScores(
  columns: SeriesColumns,
  slot: number,
  step: number,
  rule: BucketRule,
): RuleScores {
  const openBucket = bucketOf(step);
  const records = columns.bucketRecords.at(slot);
  const errors = columns.bucketErrors.at(slot);
  const judged = { records, errors, steps: columns.bucketSteps.at(slot) };
  const few = errors < ERRORS_MIN;
  switch (rule) {
    case "z_score": {
      const known = knownBuckets(columns, slot, openBucket);
      const share = shareZ(columns, slot, judged, known);
      return { errors: few ? lowered(share) : share, records: countZ(judged, known) };
    }
    case "ewma":
      return ewmaScores(columns, slot, judged, few);
    case "rate_of_change":
      return changeScores(judged, closedBucket(columns, slot, openBucket, 1), few);
    case "median_mad":
      return medianScores(judged, knownBuckets(columns, slot, openBucket), few);
    default:
      return rule satisfies never;
  }
}

/** An outlier in the window moves neither a median nor a spread: a second incident is judged like the first. */
function medianScores(
  { records, errors, steps }: JudgedBucket,
  known: readonly RingBucket[],
  few: boolean,
): RuleScores {
  const counts = medianAndSpread(known.map((bucket) => bucket.records));
  const heard = known.filter((bucket) => bucket.records > 0); // The share of nothing is missing.
  const shares = medianAndSpread(heard.map((bucket) => bucket.errors / bucket.records));
  const part = steps / BUCKET_STEPS;
  const share =
    heard.length < SCORED_BUCKETS_MIN
      ? null
      : robustShareScore(errors, records, shares.median, shares.spread);
  return {
    errors: few ? lowered(share) : share,
    records:
      known.length < SCORED_BUCKETS_MIN || steps === 0
        ? null
        : robustCountScore(records, counts.median * part, counts.spread * part),
  };
}

function ewmaScores(
  columns: SeriesColumns,
  slot: number,
  judged: JudgedBucket,
  few: boolean,
): RuleScores {
  const { records, errors } = judged;
  let share: number | null = null;
  if (columns.ewmaShareLearned.at(slot) >= SCORED_BUCKETS_MIN && records > 0) {
    const mean = columns.ewmaShare.at(slot);
    const safe = Math.min(Math.max(mean, 0.5 / (records + 1)), 1 - 0.5 / (records + 1));
    const floor = (safe * (1 - safe)) / records; // At least the chance of so many draws.
    share = ewmaScore(errors / records, mean, columns.ewmaShareVariance.at(slot), floor);
  }
  if (columns.ewmaRecordsLearned.at(slot) < SCORED_BUCKETS_MIN) {
    return { errors: few ? lowered(share) : share, records: null };
  }
  const mean = columns.ewmaRecords.at(slot);
  const variance = columns.ewmaRecordsVariance.at(slot);
  return {
    errors: few ? lowered(share) : share,
    records: ewmaScore(records, mean, variance, Math.max(mean, 1)),
  };
}

function changeScores(judged: JudgedBucket, before: RingBucket | null, few: boolean): RuleScores {
  if (before === null) return { errors: null, records: null };
  const { records, errors } = judged;
  const change = Math.log((records + 1) / (before.records + 1));
  const sure = isMoreThanChance(records, before.records);
  const errorsSure = isMoreThanChance(errors, before.errors);
  const share = shareChange(judged, before);
  return {
    errors: few || !errorsSure ? lowered(share) : share,
    records: sure ? change : 0,
  };
}

function isMoreThanChance(now: number, before: number): boolean {
  return Math.abs(now - before) >= CHANGE_DEVIATIONS_MIN * Math.sqrt(now + before + 1);
}

// Too few errors to fire, but enough to say that it is over.
function lowered(score: number | null): number | null {
  return score === null ? null : Math.min(score, 0);
}
