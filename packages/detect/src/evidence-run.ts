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
