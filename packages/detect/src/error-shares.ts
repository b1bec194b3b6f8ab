import { noteWorst, type OpenSignal, recentOf } from "./open-signal.ts";
import type { StepCounts } from "./open-steps.ts";

/** With fewer of its steps or records, the share of a minute says little. */
const MINUTE_STEPS_MIN = 3;
export const MINUTE_RECORDS_MIN = 20;

/** Shares of records, in [0, 1]. */
export interface Shares {
  readonly errorShare: number;
  readonly fatalShare: number;
}

export interface RecentShares extends Shares {
  /** How many steps it is over, 3 to 6. */
  readonly steps: number;
}

export function sharesOf({ records, errors, fatals }: StepCounts): Shares {
  if (records === 0) return { errorShare: 0, fatalShare: 0 };
  return { errorShare: errors / records, fatalShare: fatals / records };
}

/** Shares of the last minute, as much of it as was judged; null when that is not enough to go by. */
export function recentSharesOf(open: OpenSignal): RecentShares | null {
  const recent = recentOf(open);
  if (recent.steps < MINUTE_STEPS_MIN || recent.records < MINUTE_RECORDS_MIN) return null;
  return { ...sharesOf(recent), steps: recent.steps };
}

export function noteShares(open: OpenSignal, { errorShare, fatalShare }: Shares): void {
  noteWorst(open, errorShare);
  open.worstFatal = Math.max(open.worstFatal, fatalShare);
}
