import { BUCKET_MS, type EvidenceUnit, type Kind } from "@tracer/core";
import type { Detector, TemplateBook, TemplateState } from "@tracer/detect";
import type { Decision } from "@tracer/store";

/** What the detector makes of one kind of signal right now. */
export type Judgement = Pick<
  Decision,
  | "kind"
  | "part"
  | "state"
  | "evidence"
  | "peakEvidence"
  | "bar"
  | "observed"
  | "expected"
  | "expectedLow"
  | "expectedHigh"
  | "why"
>;

/** All kinds of one service, as of its last closed minute. */
export interface Judged {
  /** Start of that minute, event time. */
  readonly minuteMs: number;
  readonly judgements: readonly Judgement[];
}

/** Reads the detector and the message kinds; null for a series that the detector does not hold. */
export function judgedOf(detector: Detector, templates: TemplateBook, slot: number): Judged | null {
  const buckets = detector.bucketsOf(slot, 1);
  const filling = buckets.find(({ closed }) => !closed);
  if (filling === undefined) return null;
  const judgements = detector.explain(slot).map(
    ({ unit: _, low: expectedLow, high: expectedHigh, ...rest }): Judgement => ({
      ...rest,
      expectedLow,
      expectedHigh,
    }),
  );
  judgements.push(templateJudgement(templates.stateOf(slot)));
  return { minuteMs: filling.startMs - BUCKET_MS, judgements };
}

/** New message kinds as a whole; each that was found has a part of its own, and comes as a transition. */
function templateJudgement(known: TemplateState): Judgement {
  return {
    ...{ kind: "template", part: "", ...TEMPLATE_STATES[known] },
    ...{ evidence: null, peakEvidence: null, bar: null },
    ...{ observed: null, expected: null, expectedLow: null, expectedHigh: null },
  };
}

const TEMPLATE_STATES: Readonly<Record<TemplateState, Pick<Judgement, "state" | "why">>> = {
  learning: { state: "learning", why: "is learning which messages are usual" },
  ok: { state: "calm", why: "no new kind of message but those that were told" },
  free_text: { state: "not_judged", why: "its messages are free text: new ones are usual" },
  no_room: { state: "not_judged", why: "there is no room for the message kinds of more services" },
};

/** Unit of what was observed and expected. */
export function unitOf(kind: Kind): EvidenceUnit {
  switch (kind) {
    case "error":
      return "share";
    case "volume":
    case "pipeline":
    case "template":
      return "records_per_minute";
    case "latency":
      return "milliseconds";
    case "metric":
      return "number";
    default:
      return kind satisfies never;
  }
}
