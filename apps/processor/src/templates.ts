import { KINDS, type Signal, TEMPLATES_MAX } from "@tracer/core";
import type { Detector, TemplateBook, Transition } from "@tracer/detect";

/** What the detector and the templates have decided since the last call: by time, then by service and kind. */
export function decidedBy(detector: Detector, book: TemplateBook): Transition[] {
  const found = detector.takeTransitions();
  book.follow(found);
  book.settle((slot) => detector.closedMsOf(slot));
  return [...found, ...book.takeTransitions()].sort(
    (left, right) =>
      momentOf(left) - momentOf(right) ||
      left.signal.slot - right.signal.slot ||
      KINDS.indexOf(left.signal.kind) - KINDS.indexOf(right.signal.kind),
  );
}

function momentOf({ state, signal }: Transition): number {
  return state === "opened" ? signal.decidedMs : signal.lastStepMs;
}

/** The signal with the kinds of message behind it, if there are any. */
export function signalWithTemplates<Found extends Pick<Signal, "evidence">>(
  signal: Found,
  templates: Signal["evidence"]["templates"],
): Found {
  if (templates === undefined || templates.length === 0) return signal;
  const shown = templates.slice(0, TEMPLATES_MAX);
  return { ...signal, evidence: { ...signal.evidence, templates: shown } };
}

/** A signal that begins, with the kinds of message behind it; what ends has told of them. */
export function withTemplates(transition: Transition, book: TemplateBook): Transition {
  const { state, signal } = transition;
  if (state === "resolved") return transition;
  return { ...transition, signal: signalWithTemplates(signal, book.templatesOf(signal)) };
}
