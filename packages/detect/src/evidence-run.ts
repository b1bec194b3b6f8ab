import { type SeriesColumns, SIGNAL_KINDS } from "./series-columns.ts";

/** Evidence that fell to this share of its bar is residue. */
const RESIDUE_SHARE = 0.15;

/**
 * True when the rise of evidence from `before` begins a new run, whose first step is the onset. People
 * ask since when it has been bad: a chance error minutes before the fault leaves evidence that has not
 * quite run out, and is no part of it. `top` is the highest that the evidence was since the onset.
 */
export function beginsRun(before: number, top: number, bar: number): boolean {
  return before === 0 || (before < top && before <= RESIDUE_SHARE * bar);
}

/** Of the bar, in a code of 8 bits. Evidence is bounded at 1.3 times it. */
export const PEAK_SCALE = 190;
const PEAK_CODE_MAX = 255;

/** Notes how near to its bar a kind came in the bucket that is being filled. `index`: into SIGNAL_KEYS. */
export function notePeak(
  columns: SeriesColumns,
  slot: number,
  index: number,
  shareOfBar: number,
): void {
  const code = Math.min(Math.ceil(shareOfBar * PEAK_SCALE), PEAK_CODE_MAX);
  const at = slot * SIGNAL_KINDS + index;
  if (code > columns.fillingPeaks.at(at)) columns.fillingPeaks.set(at, code);
}
