import type { Level } from "./level.ts";
import type { Kind } from "./series.ts";
import type { Severity } from "./severity.ts";

/** Unit of `observed`, `expected` and the sparkline: share of records in [0, 1], records a minute, or milliseconds. */
export type EvidenceUnit = "share" | "records_per_minute" | "milliseconds" | "number";

/** One kind of message, and how often it came before the onset and since. Redacted and clipped, not escaped. */
export interface TemplateCount {
  readonly text: string;
  readonly level: Level;
  /** Lines a minute, in the hour before the onset and since it. */
  readonly before: number;
  readonly now: number;
  /** Never seen before the onset. */
  readonly isNew: boolean;
}

/** Templates that go with a signal. */
export const TEMPLATES_MAX = 5;

/**
 * How a signal ended where that is no recovery: taken as the new normal, by itself or by a person; nothing
 * came any more; a kind of message that does not come any more.
 */
export const ENDINGS = ["accepted", "accepted_by_hand", "no_records", "not_seen"] as const;

export type Ending = (typeof ENDINGS)[number];

/**
 * The numbers behind a decision, as shown in every alert. Plain JSON: every number is finite, and what
 * does not exist is null. Nothing in here needs a clock to be read.
 */
export interface Evidence {
  readonly unit: EvidenceUnit;
  /** What was seen, from the onset to the last step judged; 0 for a service that is silent by now. */
  readonly observed: number;
  /** The most extreme since the onset: of what `observed` was, and of every full minute. The least for a drop, else the most. */
  readonly peak: number;
  /** What was expected, and the band that steady traffic stays in (about 95 %). */
  readonly expected: number;
  readonly expectedLow: number;
  readonly expectedHigh: number;
  /** observed ÷ expected; null where nothing was expected ("new, was 0"). At most 9,999. */
  readonly ratio: number | null;
  /** Deviation of a minute as observed from the 60 closed buckets before the onset; null while fewer than 8 are known. */
  readonly z: number | null;
  /** Exponentially weighted mean of the buckets before the onset, in `unit`; null while unknown. */
  readonly ewma: number | null;
  /** Natural logarithm of (a minute as observed + a) ÷ (the bucket before the onset + a); null where there is none. */
  readonly rateOfChange: number | null;
  /** Accumulated log-likelihood ratio and the bar it had to pass, in nats. */
  readonly evidence: number;
  readonly bar: number;
  /** Records (or expected records, for silence) that the judgement rests on since the onset. */
  readonly sampleSize: number;
  /** How long the baseline has been learning, in seconds. */
  readonly baselineAgeSeconds: number;
  /** Up to 30 values in `unit`, one per 60-second bucket, oldest first, null where nothing is known. */
  readonly sparkline: readonly (number | null)[];
  /** One plain sentence without the service's name: "12.4 % of records are errors, 0.6 % expected (20.7×)". */
  readonly sentence: string;
  /** The kinds of message that came most since the onset, at most TEMPLATES_MAX; absent where none are known. */
  readonly templates?: readonly TemplateCount[];
  /** Absent while it is open, and when things are as before. The sentence says it, too. */
  readonly ending?: Ending;
}

/** A finding on one series that is open or has just ended. Times are event time, ms since the epoch. */
export interface Signal {
  /** Slot of the series in the directory. */
  readonly slot: number;
  readonly kind: Kind;
  readonly part: string;
  readonly severity: Severity;
  /** Start of the first step of the evidence. */
  readonly onsetMs: number;
  /** End of the step on which it was decided that the signal is open. */
  readonly decidedMs: number;
  /** End of the last step judged while open. */
  readonly lastStepMs: number;
  /** How bad at the worst, ≥ 0, comparable over the life of one signal: an edit is due when it rises by 20 %. */
  readonly peak: number;
  readonly evidence: Evidence;
}
