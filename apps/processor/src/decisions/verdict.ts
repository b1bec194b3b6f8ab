import { formatNumber, type Kind } from "@tracer/core";
import { DECISIONS_KEPT_HOURS, type IncidentAt } from "@tracer/store";
import type { DecisionView } from "./answer.ts";
import { NOTED_SHARE_MIN, RECORDED_SERVICES_MAX } from "./recorder.ts";

/** Why nothing is known of a moment. */
export type Gap =
  | { readonly reason: "future" | "too_old" | "not_running" | "not_recorded" | "nothing" }
  /** The newest that was judged ends here. */
  | { readonly reason: "not_judged_yet"; readonly toMs: number }
  /** Minutes that were judged in one go, up to here. */
  | { readonly reason: "unseen"; readonly toMs: number }
  | { readonly reason: "before_first"; readonly firstMs: number; readonly running: boolean };

export interface VerdictInput {
  readonly service: string;
  readonly views: readonly DecisionView[];
  readonly incidents: readonly Pick<IncidentAt, "id" | "kind" | "part" | "openedMs" | "title">[];
  readonly gap: Gap | null;
}

/** The answer in one plain sentence: what fired, or else what came closest to it and what it lacked. */
export function verdictOf({ service, views, incidents, gap }: VerdictInput): string {
  const own = incidents.find(({ kind }) => kind !== "pipeline");
  if (own !== undefined) {
    return `Something had fired: “${own.title}”, open since ${momentText(own.openedMs)} (${own.id}).`;
  }
  return firedOf(views) ?? pipelineOf(views, incidents) ?? quietOf(service, views, gap);
}

/** A signal without an incident: of records of the past, or not written yet. */
function firedOf(views: readonly DecisionView[]): string | null {
  const open = views.find(({ state, kind }) => state === "open" && kind !== "pipeline");
  if (open !== undefined) {
    return `The detector had found ${nameOf(open)}; its incident had ended already, or is not written yet.`;
  }
  const stale = views.find(({ state }) => state === "stale");
  if (stale === undefined) return null;
  return (
    `Nothing was sent: the detector found ${nameOf(stale)}, but in records that were older than ` +
    "STALE_SECONDS when it judged them, so they are history."
  );
}

/** Nobody sent. What was judged of the very minute came later, and is the better answer. */
function pipelineOf(
  views: readonly DecisionView[],
  incidents: VerdictInput["incidents"],
): string | null {
  if (views.some(({ kind, exact }) => exact && kind !== "pipeline")) return null;
  const pipeline = views.find(({ kind }) => kind === "pipeline");
  const incident = incidents.find(({ kind }) => kind === "pipeline");
  if (incident !== undefined || pipeline?.state === "open") {
    const id = incident === undefined ? "" : ` (${incident.id})`;
    return `Nothing fired for this service alone: nothing at all arrived from anybody${id}.`;
  }
  if (pipeline?.state !== "not_judged") return null;
  return `Nothing fired: ${pipeline.why}.`;
}

function quietOf(service: string, views: readonly DecisionView[], gap: Gap | null): string {
  if (gap !== null) return gapText(service, gap);
  const holding = views.find(({ state }) => state === "holding");
  if (holding !== undefined) return `Nothing fired: ${nameOf(holding)} ${clause(holding.why)}.`;
  const [closest] = views
    .filter((view) => shareOf(view) >= NOTED_SHARE_MIN)
    .toSorted((left, right) => shareOf(right) - shareOf(left));
  if (closest !== undefined) return closestText(closest);
  const judged = views.filter(({ state }) => state !== "not_judged" && state !== "learning");
  const learning = views.filter(({ state }) => state === "learning");
  if (judged.length === 0) {
    const [first] = learning.length > 0 ? learning : views;
    const otherwise = learning.length > 0 ? "is learning" : "was not judged";
    return `Nothing fired: ${service} ${clause(first?.why ?? "", otherwise)}.`;
  }
  const one = learning.length === 1 && /^(volume|latency)/.test(learning[0]?.kind ?? "");
  const verb = one ? "is" : "are";
  const learned =
    learning.length === 0 ? "" : `; ${listOf(learning.map(nameOf))} ${verb} still learned`;
  return (
    `Nothing fired: nothing unusual in ${listOf(judged.map(nameOf))}, with less than a quarter of ` +
    `the evidence that it takes${learned}.`
  );
}

function closestText(view: DecisionView): string {
  const { peakEvidence, bar } = view;
  const short = (bar ?? 0) - (peakEvidence ?? 0);
  const evidence = `evidence ${formatNumber(peakEvidence)} of ${formatNumber(bar)}`;
  const what = short > 0 ? `, ${formatNumber(short)} short of its bar` : `, but ${view.why}`;
  return `Nothing fired: closest was ${nameOf(view)}, ${evidence}${what}.`;
}

function gapText(service: string, gap: Gap): string {
  switch (gap.reason) {
    case "future":
      return "This time has not come yet.";
    case "too_old":
      return `Nothing is known of it any more: decisions are kept for ${DECISIONS_KEPT_HOURS} hours.`;
    case "not_running":
      return "Nothing is recorded: Tracer was not running then.";
    case "not_recorded":
      return `Nothing is recorded: decisions are kept of ${formatNumber(RECORDED_SERVICES_MAX)} services, and ${service} is not among them.`;
    case "not_judged_yet":
      return `Nothing fired: nothing of ${service} was judged after ${momentText(gap.toMs)}, because no records of it came, or they are older than STALE_SECONDS.`;
    case "unseen":
      return `Only what fired is recorded: the records up to ${momentText(gap.toMs)} came in one go, and nothing fired.`;
    case "before_first":
      return `Nothing is recorded: ${gap.running ? "" : "Tracer was not running then, and "}the first that is known of ${service} is of ${momentText(gap.firstMs)}.`;
    case "nothing":
      return `Nothing is recorded of ${service} for this time.`;
    default:
      return gap satisfies never;
  }
}

function shareOf({ peakEvidence, bar }: DecisionView): number {
  return peakEvidence === null || bar === null || bar <= 0 ? 0 : peakEvidence / bar;
}

/** What people call it. */
export function nameOf({ kind, part }: { readonly kind: Kind; readonly part: string }): string {
  switch (kind) {
    case "error":
      return "errors";
    case "volume":
      return part === "" ? "volume" : `volume ${part}`;
    case "template":
      return part === "" ? "new message kinds" : "a new message kind";
    case "metric":
      return `metric ${part}`;
    case "latency":
    case "pipeline":
      return kind;
    default:
      return kind satisfies never;
  }
}

/** "errors, volume surge and volume drop". */
function listOf(names: readonly string[]): string {
  const last = names.at(-1) ?? "";
  return names.length < 2 ? last : `${names.slice(0, -1).join(", ")} and ${last}`;
}

/** A reason as the end of a sentence about something. */
function clause(why: string, otherwise = "was held"): string {
  const text = why.replace(/\.$/, "");
  if (text === "") return otherwise;
  return /^(is|was|has|had|were) /.test(text) ? text : `${otherwise}: ${text}`;
}

/** "2026-11-22 10:42 UTC". */
export function momentText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
