import type { EvidenceUnit } from "@tracer/core";
import { bucketOf, closedBucket, closedLatency } from "./buckets.ts";
import { ERROR_BAR, errorIsWarm, strongestErrorTest, WARM_RECORDS } from "./error-evidence.ts";
import { PEAK_SCALE } from "./evidence-run.ts";
import {
  type Expectation,
  errorExpectation,
  latencyExpectation,
  volumeExpectation,
} from "./explain.ts";
import {
  LATENCY_BAR,
  LATENCY_HOLD_STEPS,
  latencyCrossedStep,
  latencyIsWarm,
  strongestLatencyTest,
} from "./latency-evidence.ts";
import { SIGNAL_KEYS } from "./open-signal.ts";
import { isSeasonKnown } from "./seasonal.ts";
import { amount, durationText } from "./sentence.ts";
import { Flag, type SeriesColumns } from "./series-columns.ts";
import {
  isDropJudged,
  strongestVolumeTest,
  surgeIsWarm,
  VOLUME_BAR,
  volumeCrossedStep,
  volumeHoldSteps,
} from "./volume-evidence.ts";

/**
 * `learning`: too little is known. `not_judged`: there is nothing to judge. `calm`: under a quarter of the bar.
 * `watching`: some evidence, not enough. `holding`: enough, but not for as long as this kind must last. `open`:
 * there is a signal.
 */
export type ExplanationState = "learning" | "not_judged" | "calm" | "watching" | "holding" | "open";

/** What is known for and against one kind of signal right now. */
export interface Explanation extends Expectation {
  readonly kind: "error" | "volume" | "latency";
  readonly part: "" | "surge" | "drop";
  readonly state: ExplanationState;
  /** A plain clause that says why there is no signal, or that there is one. */
  readonly why: string;
  /** Unit of what was observed and expected. */
  readonly unit: EvidenceUnit;
  /** What the last closed 60-second bucket held; null where that is not known. */
  readonly observed: number | null;
  /** Accumulated evidence and its bar, in nats, and the most that there was in the last closed bucket. */
  readonly evidence: number;
  readonly peakEvidence: number;
  readonly bar: number;
}

/** From this share of the bar on there is something to watch. */
const WATCH_SHARE = 0.25;
export const FLAGS = [Flag.errorOpen, Flag.surgeOpen, Flag.dropOpen, Flag.latencyOpen] as const;

/** Evidence of each kind and part, in the order of SIGNAL_KEYS. */
function evidenceAt(columns: SeriesColumns, slot: number, index: number): number {
  if (index === 0) return columns.errorEvidence.at(strongestErrorTest(columns, slot));
  if (index === 3) return columns.latencyEvidence.at(strongestLatencyTest(columns, slot));
  const part = index === 1 ? "surge" : "drop";
  return columns.volumeEvidence.at(strongestVolumeTest(columns, slot, part));
}

function barAt(index: number): number {
  if (index === 0) return ERROR_BAR;
  return index === 3 ? LATENCY_BAR : VOLUME_BAR;
}

/** The most evidence of any kind and part right now, as a share of its bar. */
export function nearestToBar(columns: SeriesColumns, slot: number): number {
  return Math.max(
    ...SIGNAL_KEYS.map((_, index) => evidenceAt(columns, slot, index) / barAt(index)),
  );
}

/** The bucket is closed: its peaks are those that are shown now. */
export function closePeaks(columns: SeriesColumns, slot: number): void {
  for (let index = 0; index < SIGNAL_KEYS.length; index += 1) {
    const at = slot * SIGNAL_KEYS.length + index;
    columns.bucketPeaks.set(at, columns.fillingPeaks.at(at));
    columns.fillingPeaks.set(at, 0);
  }
}

/** What came near belonged to a signal, and that has ended. */
export function clearPeak(columns: SeriesColumns, slot: number, index: number): void {
  columns.fillingPeaks.set(slot * SIGNAL_KEYS.length + index, 0);
  columns.bucketPeaks.set(slot * SIGNAL_KEYS.length + index, 0);
}

/** Evidence, bar and state of every kind and part, whether or not anything is open. */
export function explanationOf(columns: SeriesColumns, slot: number): Explanation[] {
  return SIGNAL_KEYS.map(({ kind, part }, index) => {
    const bar = barAt(index);
    const evidence = evidenceAt(columns, slot, index);
    const peak = columns.bucketPeaks.at(slot * SIGNAL_KEYS.length + index) / PEAK_SCALE;
    const peakEvidence = Math.max(evidence, peak * bar);
    const unit = UNITS[kind];
    return {
      ...{ kind, part, unit, evidence, peakEvidence, bar },
      ...stateAt(columns, slot, index, { evidence, peakEvidence, bar }),
      observed: observedAt(columns, slot, kind),
      ...expectationAt(columns, slot, kind),
    };
  });
}

const UNITS = {
  error: "share",
  volume: "records_per_minute",
  latency: "milliseconds",
} as const satisfies Record<Explanation["kind"], EvidenceUnit>;

function expectationAt(
  columns: SeriesColumns,
  slot: number,
  kind: Explanation["kind"],
): Expectation {
  if (kind === "error") return errorExpectation(columns, slot);
  return kind === "volume" ? volumeExpectation(columns, slot) : latencyExpectation(columns, slot);
}

function observedAt(
  columns: SeriesColumns,
  slot: number,
  kind: Explanation["kind"],
): number | null {
  const openBucket = bucketOf(columns.nextStep.at(slot));
  if (kind === "latency") {
    const mean = closedLatency(columns, slot, openBucket, 1);
    return mean === null ? null : Math.exp(mean);
  }
  const bucket = closedBucket(columns, slot, openBucket, 1);
  if (bucket === null) return null;
  if (kind === "volume") return bucket.records;
  return bucket.records === 0 ? null : bucket.errors / bucket.records;
}

interface Weight {
  readonly evidence: number;
  readonly peakEvidence: number;
  readonly bar: number;
}

function stateAt(
  columns: SeriesColumns,
  slot: number,
  index: number,
  { evidence, peakEvidence, bar }: Weight,
): Pick<Explanation, "state" | "why"> {
  if (columns.has(slot, FLAGS[index] ?? 0)) return { state: "open", why: "a signal is open" };
  const unready = unreadyAt(columns, slot, index);
  if (unready !== null) return unready;
  const said = `evidence ${amount(peakEvidence)} of ${amount(bar)}`;
  const held = evidence >= bar ? heldAt(columns, slot, index) : null;
  if (held !== null) return { state: "holding", why: `${said}, ${held}` };
  const known = index === 0 || index === 3 || isSeasonKnown(columns, slot, lastStep(columns, slot));
  const why = known ? said : `${said}, and what is usual at this time is not known yet`;
  return { state: peakEvidence >= WATCH_SHARE * bar ? "watching" : "calm", why };
}

function lastStep(columns: SeriesColumns, slot: number): number {
  return columns.nextStep.at(slot) - 1;
}

/** Why a kind cannot be judged yet, or at all; null when it can. */
function unreadyAt(
  columns: SeriesColumns,
  slot: number,
  index: number,
): Pick<Explanation, "state" | "why"> | null {
  const step = columns.nextStep.at(slot);
  const seen = `seen for ${durationText((step - columns.firstStep.at(slot)) * 10_000)}`;
  const records = columns.recordsTotal.at(slot);
  if (index === 0 && !errorIsWarm(columns, slot, step)) {
    return {
      state: "learning",
      why: `is learning: ${seen} and ${amount(records)} records, 4 min and ${WARM_RECORDS} are needed`,
    };
  }
  if (index === 1 && !surgeIsWarm(columns, slot, step)) {
    return { state: "learning", why: `is learning: ${seen}, 10 min are needed` };
  }
  if (index === 2 && !isDropJudged(columns, slot, step)) {
    return {
      state: "learning",
      why: `is learning: a silence means something after 6 h and 60 records; ${seen}, ${amount(records)} records`,
    };
  }
  if (index === 3 && !latencyIsWarm(columns, slot, step)) {
    if (columns.latencySteps.at(slot) === 0) {
      return { state: "not_judged", why: "its records name no latency" };
    }
    return { state: "learning", why: `is learning: ${seen}, 1 h and 40 latencies are needed` };
  }
  return null;
}

/** How long the evidence has been over its bar, of how long it must. */
function heldAt(columns: SeriesColumns, slot: number, index: number): string | null {
  if (index === 0) return null;
  const step = lastStep(columns, slot);
  const latency = index === 3;
  const test = latency
    ? strongestLatencyTest(columns, slot)
    : strongestVolumeTest(columns, slot, index === 1 ? "surge" : "drop");
  const crossed = latency ? latencyCrossedStep(columns, test) : volumeCrossedStep(columns, test);
  const need = latency ? LATENCY_HOLD_STEPS : volumeHoldSteps(columns, slot, step, test);
  const seconds = Math.max(0, step - crossed) * 10;
  return `over it for ${seconds} s of the ${need * 10} s that it must last`;
}
