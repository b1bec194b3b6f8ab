import { type Ending, KINDS, type Signal } from "@tracer/core";
import type { Reason } from "./open-signal.ts";
import { endedSentence } from "./sentence.ts";

/** A signal that opened, became graver, or ended. */
export interface Transition {
  readonly state: "opened" | "changed" | "resolved";
  readonly reason: Reason;
  readonly signal: Signal;
}

/** The signal as it ends, where that is no recovery. */
export function withEnding(signal: Signal, ending: Ending): Signal {
  const sentence = endedSentence(signal.evidence.sentence, signal.kind, ending);
  return { ...signal, evidence: { ...signal.evidence, sentence, ending } };
}

/** Order in which what one call decided is told. */
export function byDecision(left: Transition, right: Transition): number {
  return (
    momentOf(left) - momentOf(right) ||
    left.signal.slot - right.signal.slot ||
    KINDS.indexOf(left.signal.kind) - KINDS.indexOf(right.signal.kind)
  );
}

// Opening is decided once; changes and ends belong to the last step that was judged.
function momentOf({ state, signal }: Transition): number {
  return state === "opened" ? signal.decidedMs : signal.lastStepMs;
}
