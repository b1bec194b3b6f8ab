import { BUCKET_MS, type EvidenceUnit, formatNumber, type Kind } from "@tracer/core";
import type {
  BucketView,
  Detector,
  Explanation,
  TemplateBook,
  TemplateState,
} from "@tracer/detect";
import type { Decision, DecisionState } from "@tracer/store";

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
  const newest = buckets.find(({ closed }) => closed);
  const judgements = explainedOf(detector, slot, newest);
  judgements.push(templateJudgement(templates.stateOf(slot)));
  return { minuteMs: filling.startMs - BUCKET_MS, judgements };
}

/** What an explanation says by itself, if it does. */
type Explained = Explanation & {
  readonly state?: DecisionState;
  readonly peakEvidence?: number;
  readonly observed?: number | null;
  readonly why?: string;
};

function explainedOf(
  detector: Detector,
  slot: number,
  newest: BucketView | undefined,
): Judgement[] {
  const explained: readonly Explained[] = detector.explain(slot);
  const now = detector.stateOf(slot);
  const open = now === "firing" ? detector.openSignals().filter((each) => each.slot === slot) : [];
  return explained.map((explanation) => {
    const { kind, part, evidence, bar, expected, low, high } = explanation;
    const isOpen = open.some((signal) => signal.kind === kind && signal.part === part);
    const idle = now === "learning" ? "learning" : evidence >= bar / 4 ? "watching" : "calm";
    const state = explanation.state ?? (isOpen ? "open" : evidence >= bar ? "holding" : idle);
    const said = `evidence ${formatNumber(evidence)} of ${formatNumber(bar)}`;
    return {
      ...{ kind, part, state, evidence, bar },
      peakEvidence: explanation.peakEvidence ?? evidence,
      observed: explanation.observed ?? observedOf(kind, newest),
      ...{ expected, expectedLow: low, expectedHigh: high },
      why: explanation.why ?? (state === "learning" ? "is learning" : said),
    };
  });
}

function observedOf(kind: Kind, newest: BucketView | undefined): number | null {
  if (newest === undefined) return null;
  if (kind === "volume") return newest.records;
  return kind === "error" && newest.records > 0 ? newest.errors / newest.records : null;
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
