import { BUCKET_MS, type EvidenceUnit, KINDS, type Kind, type SeriesKey } from "@tracer/core";
import {
  DECISIONS_KEPT_HOURS,
  type Decision,
  type DecisionState,
  type DecisionsAround,
  type IncidentAt,
  seriesIdOf,
} from "@tracer/store";
import { type Judged, unitOf } from "./judgement.ts";
import { type Gap, verdictOf } from "./verdict.ts";

/** What held for one kind and part at the moment that was asked about. Times are ISO 8601 in UTC, event time. */
export interface DecisionView {
  readonly kind: Kind;
  readonly part: string;
  readonly state: DecisionState;
  /** Since when this is recorded, and when the next row follows; `to` is null while there is none. */
  readonly from: string;
  readonly to: string | null;
  /**
   * True when the numbers are those of the very minute. Otherwise the state held: evidence stayed below a quarter
   * of its bar, or the numbers are those of `from`.
   */
  readonly exact: boolean;
  /** Nats, at the end of the minute and at most within it. */
  readonly evidence: number | null;
  readonly peakEvidence: number | null;
  readonly bar: number | null;
  readonly observed: number | null;
  readonly expected: number | null;
  readonly expectedLow: number | null;
  readonly expectedHigh: number | null;
  readonly unit: EvidenceUnit;
  readonly why: string;
  /** The incident that was open for this kind and part. */
  readonly incidentId: string | null;
}

export interface IncidentView extends Pick<IncidentAt, "id" | "kind" | "part" | "title"> {
  readonly from: string;
  readonly to: string | null;
}

/** Why nothing fired for a service at a moment. */
export interface Answer {
  readonly service: string;
  readonly environment: string;
  readonly at: string;
  /** One plain sentence. */
  readonly verdict: string;
  readonly decisions: readonly DecisionView[];
  readonly incidents: readonly IncidentView[];
  /** The nearest moments at which something is recorded. */
  readonly nearestBefore: string | null;
  readonly nearestAfter: string | null;
}

export interface AnswerInput {
  readonly key: SeriesKey;
  readonly atMs: number;
  readonly nowMs: number;
  readonly kind: Kind | null;
  /** Of the service and of the pipeline; with what is not in the database yet. */
  readonly around: { readonly before: readonly Decision[]; readonly after: readonly Decision[] };
  /** As of now; null when this processor does not hold the service. */
  readonly judged: Judged | null;
  readonly incidents: readonly IncidentAt[];
  /** Whether Tracer ran when the moment was judged; null when nobody knows. */
  readonly running: boolean | null;
  readonly nearest: { readonly beforeMs: number | null; readonly afterMs: number | null };
  /** False for a service beyond the number of those that are recorded. */
  readonly recorded: boolean;
}

/** Steps are judged this much later at the most, however late a service delivers. */
const JUDGED_LATE_MS_MAX = 660_000;
/** Clocks differ; further ahead than this is the future. */
const FUTURE_MS_MIN = 60_000;

/** Puts together what is known of a moment, and says it in a sentence. */
export function answerOf(input: AnswerInput): Answer {
  const { key, atMs, kind, nearest } = input;
  const wanted = (row: { readonly kind: Kind }) => kind === null || row.kind === kind;
  const incidents = input.incidents.filter((row) => wanted(row) || row.kind === "pipeline");
  const views = [...liveViews(input), ...recordedViews(input)]
    .filter((view) => wanted(view) || view.kind === "pipeline")
    .map((view) => withIncident(view, incidents))
    .sort(byKind);
  const own = views.filter((view) => wanted(view) && (kind !== null || view.kind !== "pipeline"));
  const gap = own.length === 0 ? gapOf(input) : null;
  return {
    service: key.service,
    environment: key.environment,
    at: iso(atMs),
    verdict: verdictOf({ service: key.service, views, incidents, gap }),
    decisions: views,
    incidents: incidents.map(({ openedMs, closedMs, ...rest }) => ({
      ...rest,
      from: iso(openedMs),
      to: isoOrNull(closedMs),
    })),
    nearestBefore: isoOrNull(nearest.beforeMs),
    nearestAfter: isoOrNull(nearest.afterMs),
  };
}

/** Adds rows that wait for the database to those that are in it. */
export function withWaiting(
  around: DecisionsAround,
  waiting: readonly Decision[],
  atMs: number,
): AnswerInput["around"] {
  const before = new Map<string, Decision>();
  const after = new Map<string, Decision>();
  for (const row of [...around.before, ...around.after, ...waiting]) {
    const id = `${row.series}/${row.kind}/${row.part}`;
    const side = row.atMs <= atMs ? before : after;
    const known = side.get(id);
    const nearer = known === undefined || Math.abs(row.atMs - atMs) <= Math.abs(known.atMs - atMs);
    if (nearer) side.set(id, row);
  }
  return { before: [...before.values()], after: [...after.values()] };
}

/** The newest minute is told from memory: it is there for every kind, and for services that are not recorded. */
function liveViews({ judged, atMs }: AnswerInput): DecisionView[] {
  if (judged === null || atMs < judged.minuteMs || isUnjudged(judged, atMs)) return [];
  return judged.judgements.map((judgement) => ({
    ...judgement,
    from: iso(judged.minuteMs),
    to: null,
    exact: atMs < judged.minuteMs + BUCKET_MS,
    unit: unitOf(judgement.kind),
    incidentId: null,
  }));
}

function recordedViews(input: AnswerInput): DecisionView[] {
  const { around, judged, atMs } = input;
  const series = seriesIdOf(input.key);
  const live = judged !== null && atMs >= judged.minuteMs;
  return around.before.flatMap((row) => {
    if (row.kind !== "pipeline" && row.series !== series) return [];
    // What has ended, such as one new message kind, is told only to those who ask for its kind.
    const isEvent = row.kind === "pipeline" || (row.part.length > 0 && row.kind !== "volume");
    if (isEvent && row.state === "calm" && input.kind !== row.kind) return [];
    // What is known only from transitions, such as a new message kind, is not in memory.
    const known = judged?.judgements.some(
      ({ kind, part }) => kind === row.kind && part === row.part,
    );
    if (live && known === true) return [];
    return viewOf(row, input);
  });
}

function viewOf(row: Decision, { around, atMs, running }: AnswerInput): DecisionView[] {
  const next = around.after.find(
    ({ series, kind, part }) => series === row.series && kind === row.kind && part === row.part,
  );
  const exact = atMs < row.atMs + BUCKET_MS;
  if (!exact && (running === false || isUnseen(next, atMs))) return [];
  const { kind, part, state, bar, expected, expectedLow, expectedHigh, why } = row;
  // Every minute with some evidence has its row, so one without was not looked at: the last is told.
  const told = exact || state === "watching" || state === "holding";
  const { evidence, peakEvidence, observed } = told ? row : NOT_KNOWN;
  const quiet = !exact && state === "calm";
  return [
    {
      ...{ kind, part, evidence, peakEvidence, bar },
      ...{ observed, expected, expectedLow, expectedHigh },
      state,
      why: quiet && bar !== null ? "evidence below a quarter of its bar" : why,
      from: iso(row.atMs),
      to: isoOrNull(next?.atMs ?? null),
      exact,
      unit: unitOf(row.kind),
      incidentId: null,
    },
  ];
}

const NOT_KNOWN = { evidence: null, peakEvidence: null, observed: null };

function isUnseen(next: Decision | undefined, atMs: number): boolean {
  return next?.unseenFromMs != null && next.unseenFromMs <= atMs;
}

function isUnjudged(judged: Judged, atMs: number): boolean {
  return atMs >= judged.minuteMs + BUCKET_MS + JUDGED_LATE_MS_MAX;
}

/** Why nothing is known of the moment. */
function gapOf({ key, atMs, nowMs, around, judged, running, nearest, recorded }: AnswerInput): Gap {
  if (atMs > nowMs + FUTURE_MS_MIN) return { reason: "future" };
  if (atMs < nowMs - DECISIONS_KEPT_HOURS * 3_600_000) return { reason: "too_old" };
  if (judged !== null && isUnjudged(judged, atMs)) {
    return { reason: "not_judged_yet", toMs: judged.minuteMs + BUCKET_MS };
  }
  const series = seriesIdOf(key);
  const unseen = around.after.find((row) => row.series === series && isUnseen(row, atMs));
  if (unseen !== undefined) return { reason: "unseen", toMs: unseen.atMs };
  if (nearest.beforeMs === null && nearest.afterMs !== null) {
    return { reason: "before_first", firstMs: nearest.afterMs, running: running !== false };
  }
  if (running === false) return { reason: "not_running" };
  if (!recorded) return { reason: "not_recorded" };
  return { reason: "nothing" };
}

function withIncident(view: DecisionView, incidents: readonly IncidentAt[]): DecisionView {
  const found = incidents.find(({ kind, part }) => kind === view.kind && part === view.part);
  return found === undefined ? view : { ...view, incidentId: found.id };
}

/** As people know them: a surge before a drop. */
function byKind(left: DecisionView, right: DecisionView): number {
  const order = KINDS.indexOf(left.kind) - KINDS.indexOf(right.kind);
  if (order !== 0 || left.part === right.part) return order;
  return left.part > right.part ? -1 : 1;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

function isoOrNull(ms: number | null): string | null {
  return ms === null ? null : iso(ms);
}
