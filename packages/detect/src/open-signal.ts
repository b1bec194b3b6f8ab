import { SEVERITIES, type Severity, severityRank } from "@tracer/core";
import {
  BASELINE_NUMBERS,
  type Baseline,
  LATENCY_BASELINE_NUMBERS,
  type LatencyBaseline,
  loadedBaseline,
  loadedLatencyBaseline,
  savedBaseline,
  savedLatencyBaseline,
} from "./baseline.ts";
import { BUCKET_STEPS } from "./buckets.ts";
import { noCounts, type StepCounts } from "./open-steps.ts";
import { RULES, type Rule } from "./options.ts";
import { invalidSnapshot, soundNumber, wholeIn } from "./snapshot-bytes.ts";

/** A signal ends by reverse evidence of this many nats, and not before it was open this long. */
const RETURN_BAR = 5;
export const OPEN_STEPS_MIN = 6;
/** After six hours a volume is the new normal, and errors of a service that fell silent are history. */
export const ACCEPT_STEPS = 2_160;
const RETURN_BOUND = 1.5 * RETURN_BAR;
/** What one step may add to the reverse evidence: two steps must agree. */
const RETURN_STEP_CAP = 0.5 * RETURN_BAR;

export type SignalPart = "" | "surge" | "drop";

/** Why a signal opened or ended. */
export type Reason =
  | Rule // What decided, at the start; and at the end, that the same is satisfied.
  | "accepted" // This is the new normal: by itself after hours (not errors), or by hand.
  | "no_records" // Errors and latency: nothing came any more for hours.
  | "arrivals"; // Pipeline only.

/** What is kept of a signal while it is open. One small object: few are open at a time. */
export interface OpenSignal {
  readonly slot: number;
  readonly kind: "error" | "volume" | "latency";
  readonly part: SignalPart;
  readonly rule: Rule;
  readonly onsetStep: number;
  readonly decidedStep: number;
  lastStep: number;
  severity: Severity;
  peak: number;
  /** The most extreme that was shown or seen in a full minute, in the unit of the evidence. */
  worst: number;
  /** Likewise of the share of fatal records. */
  worstFatal: number;
  readonly baseline: Baseline;
  /** Of `latency` only, else null. */
  readonly latencyBaseline: LatencyBaseline | null;
  /** Evidence when it was last judged, and the bar of its rule. */
  evidence: number;
  readonly bar: number;
  /** Accumulated evidence that it is over, and the step at which it last left 0. */
  reverse: number;
  reverseOnsetStep: number;
  /** Sums since the onset. */
  records: number;
  errors: number;
  fatals: number;
  latencyCount: number;
  latencyLogSum: number;
  /** The last step that held a latency. */
  latencyStep: number;
  expectedRecords: number;
  /** The last six steps that were judged, by step modulo six. */
  readonly recent: RecentStep[];
}

interface RecentStep extends StepCounts {
  step: number;
}

export function newOpenSignal(
  fixed: Pick<
    OpenSignal,
    "slot" | "kind" | "part" | "rule" | "onsetStep" | "decidedStep" | "bar" | "baseline"
  > & {
    readonly evidence: number;
    readonly since: StepCounts;
    readonly expectedRecords: number;
    readonly latencyBaseline?: LatencyBaseline;
  },
): OpenSignal {
  const { since, latencyBaseline = null, ...rest } = fixed;
  return {
    ...rest,
    latencyBaseline,
    lastStep: fixed.decidedStep,
    severity: "info",
    peak: 0,
    worst: fixed.part === "drop" ? Number.MAX_SAFE_INTEGER : 0, // Until it is judged for the first time.
    worstFatal: 0,
    reverse: 0,
    reverseOnsetStep: fixed.decidedStep,
    ...since,
    latencyStep: fixed.decidedStep,
    recent: Array.from({ length: BUCKET_STEPS }, () => ({
      step: fixed.decidedStep - BUCKET_STEPS,
      ...noCounts(),
    })),
  };
}

/** Adds a closed step to an open signal. */
export function extendSignal(
  signal: OpenSignal,
  step: number,
  counts: StepCounts,
  expected: number,
): void {
  signal.records += counts.records;
  signal.errors += counts.errors;
  signal.fatals += counts.fatals;
  signal.latencyCount += counts.latencyCount;
  signal.latencyLogSum += counts.latencyLogSum;
  signal.expectedRecords += expected;
  rememberStep(signal, step, counts);
}

/** Adds a step's evidence that it is over. True when that is enough, and has been for `holdSteps`. */
export function returnSignal(
  signal: OpenSignal,
  step: number,
  ratio: number,
  holdSteps: number,
): boolean {
  const before = signal.reverse;
  const after = Math.max(0, before + Math.min(ratio, RETURN_STEP_CAP));
  signal.reverse = Math.min(after, RETURN_BOUND);
  if (before === 0) signal.reverseOnsetStep = step;
  return (
    after >= RETURN_BAR &&
    step - signal.reverseOnsetStep + 1 >= holdSteps &&
    step - signal.decidedStep >= OPEN_STEPS_MIN
  );
}

/** Keeps a step for the sums of the last minute. */
export function rememberStep(signal: OpenSignal, step: number, counts: StepCounts): void {
  signal.lastStep = step;
  const recent = signal.recent[((step % BUCKET_STEPS) + BUCKET_STEPS) % BUCKET_STEPS];
  if (recent === undefined) return;
  recent.step = step;
  recent.records = counts.records;
  recent.errors = counts.errors;
  recent.fatals = counts.fatals;
  recent.latencyCount = counts.latencyCount;
  recent.latencyLogSum = counts.latencyLogSum;
}

/** Sums over the last minute of an open signal, and how many of its six steps were judged since it opened. */
export function recentOf(signal: OpenSignal): StepCounts & { steps: number } {
  const sums = { steps: 0, ...noCounts() };
  for (const each of signal.recent) {
    if (each.step <= signal.lastStep - BUCKET_STEPS) continue;
    sums.steps += 1;
    sums.records += each.records;
    sums.errors += each.errors;
    sums.fatals += each.fatals;
    sums.latencyCount += each.latencyCount;
    sums.latencyLogSum += each.latencyLogSum;
  }
  return sums;
}

/** Notes a value that was shown, or that of a full minute: the end will say how bad it was. */
export function noteWorst(signal: OpenSignal, value: number): void {
  signal.worst = worseOf(signal.part, signal.worst, value);
}

/** The more extreme value: less for a drop, else more. */
export function worseOf(part: SignalPart, one: number, other: number): number {
  return part === "drop" ? Math.min(one, other) : Math.max(one, other);
}

/** Raises the severity, which never falls while a signal is open. True when it rose. */
export function raiseSeverity(signal: OpenSignal, severity: Severity): boolean {
  if (severityRank(severity) <= severityRank(signal.severity)) return false;
  signal.severity = severity;
  return true;
}

/** What can be open on a series, in the order of the snapshot. */
export const SIGNAL_KEYS = [
  { kind: "error", part: "" },
  { kind: "volume", part: "surge" },
  { kind: "volume", part: "drop" },
  { kind: "latency", part: "" },
] as const;

/** Position of a signal in SIGNAL_KEYS. */
export function signalIndexOf(kind: OpenSignal["kind"], part: SignalPart): number {
  return SIGNAL_KEYS.findIndex((key) => key.kind === kind && key.part === part);
}

const RECENT_NUMBERS = 6;
const FIXED_NUMBERS = 21;
/** Numbers that an open signal takes in a snapshot. */
export const SIGNAL_NUMBERS =
  FIXED_NUMBERS + BASELINE_NUMBERS + LATENCY_BASELINE_NUMBERS + RECENT_NUMBERS * BUCKET_STEPS;

/** An open signal as numbers, for a snapshot. */
export function savedSignal(open: OpenSignal): number[] {
  return [
    ...[open.slot, signalIndexOf(open.kind, open.part), RULES.indexOf(open.rule)],
    ...[open.onsetStep, open.decidedStep, open.lastStep, severityRank(open.severity)],
    ...[open.peak, open.evidence, open.bar, open.reverse, open.reverseOnsetStep],
    ...[open.records, open.errors, open.fatals, open.expectedRecords],
    ...[open.worst, open.worstFatal, open.latencyCount, open.latencyLogSum, open.latencyStep],
    ...savedBaseline(open.baseline),
    ...savedLatencyBaseline(open.latencyBaseline ?? NO_LATENCY_BASELINE),
    ...open.recent.flatMap(savedStep),
  ];
}

const NO_LATENCY_BASELINE: LatencyBaseline = {
  ...{ buckets: 0, mean: 0, variance: 0, ewma: 0, before: null },
};

function savedStep(each: RecentStep): number[] {
  const { step, records, errors, fatals, latencyCount, latencyLogSum } = each;
  return [step, records, errors, fatals, latencyCount, latencyLogSum];
}

/** The signal that `savedSignal` wrote. Throws SNAPSHOT_INVALID. */
export function loadedSignal(saved: Float64Array): OpenSignal {
  const [slot, keyIndex, ruleIndex, onsetStep, decidedStep, lastStep, rank, ...rest] = saved;
  const numbers = rest.map(soundNumber);
  const [peak, evidence, bar, reverse, reverseOnsetStep, ...sums] = numbers;
  const [records, errors, fatals, expectedRecords, worst, worstFatal, ...latency] = sums;
  const [latencyCount, latencyLogSum, latencyStep, ...kept] = latency;
  const key = SIGNAL_KEYS[keyIndex ?? -1];
  const rule = RULES[ruleIndex ?? -1];
  const severity = SEVERITIES[rank ?? -1];
  if (key === undefined || rule === undefined || severity === undefined) {
    throw invalidSnapshot("an open signal is of no known kind");
  }
  const step = (value: number | undefined) => wholeIn(value, -STEP_MAX, STEP_MAX);
  return {
    slot: wholeIn(slot, 0, STEP_MAX),
    ...key,
    rule,
    onsetStep: step(onsetStep),
    decidedStep: step(decidedStep),
    lastStep: step(lastStep),
    severity,
    peak: peak ?? 0,
    worst: worst ?? 0,
    worstFatal: worstFatal ?? 0,
    baseline: loadedBaseline(kept.slice(0, BASELINE_NUMBERS)),
    latencyBaseline:
      key.kind === "latency"
        ? loadedLatencyBaseline(kept.slice(BASELINE_NUMBERS, RECENT_FROM))
        : null,
    evidence: evidence ?? 0,
    bar: bar ?? 0,
    reverse: reverse ?? 0,
    reverseOnsetStep: step(reverseOnsetStep),
    records: records ?? 0,
    errors: errors ?? 0,
    fatals: fatals ?? 0,
    latencyCount: latencyCount ?? 0,
    latencyLogSum: latencyLogSum ?? 0,
    latencyStep: step(latencyStep),
    expectedRecords: expectedRecords ?? 0,
    recent: Array.from({ length: BUCKET_STEPS }, (_, at) => {
      const from = RECENT_FROM + at * RECENT_NUMBERS;
      return {
        step: step(kept[from]),
        records: kept[from + 1] ?? 0,
        errors: kept[from + 2] ?? 0,
        fatals: kept[from + 3] ?? 0,
        latencyCount: kept[from + 4] ?? 0,
        latencyLogSum: kept[from + 5] ?? 0,
      };
    }),
  };
}
const STEP_MAX = 2 ** 31 - 1;
const RECENT_FROM = BASELINE_NUMBERS + LATENCY_BASELINE_NUMBERS;
