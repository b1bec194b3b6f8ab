import { createHash } from "node:crypto";
import { clip, KINDS, type Kind, type SeriesKey } from "@tracer/core";
import { type Executor, type Row, run } from "./executor.ts";
import { numberOf, numberOrNull, textOf, wordOf } from "./row.ts";

/**
 * What the detector made of one kind of signal. `learning`: it knows too little yet · `calm` · `watching`: some
 * evidence · `holding`: enough of it, but not for as long as this kind must last · `open`: a signal ·
 * `stale`: a signal in records too old to tell anybody · `not_judged`: nothing to judge, or nobody sends.
 */
export const DECISION_STATES = [
  "learning",
  "calm",
  "watching",
  "holding",
  "open",
  "stale",
  "not_judged",
] as const;

export type DecisionState = (typeof DECISION_STATES)[number];

/** One row; it holds until the next of the same series, kind and part. Times are event time, ms since the epoch. */
export interface Decision {
  readonly series: SeriesId;
  readonly kind: Kind;
  readonly part: string;
  readonly state: DecisionState;
  readonly atMs: number;
  /** From here to `atMs` minutes passed that nobody looked at; null when there were none. */
  readonly unseenFromMs: number | null;
  /** Nats; `peakEvidence` is the most within the minute. Null where there is no such number. */
  readonly evidence: number | null;
  readonly peakEvidence: number | null;
  readonly bar: number | null;
  /** In the unit of the kind. */
  readonly observed: number | null;
  readonly expected: number | null;
  readonly expectedLow: number | null;
  readonly expectedHigh: number | null;
  readonly why: string;
}

/** How decisions name a series: a UUID made of a hash of its names. */
export type SeriesId = string;

/** How long decisions are kept. */
export const DECISIONS_KEPT_HOURS = 24;
/** Longest `why` that is stored, in UTF-16 units. */
export const WHY_CHARS_MAX = 300;
/** A row says nothing about what lies further from it than this: there is one an hour, or a little later. */
export const DECISION_REACH_HOURS = 3;
/** Incidents of one answer. */
const INCIDENTS_MAX = 50;
/** Beyond what a `real` holds. */
const REAL_MAX = 1e30;

export function seriesIdOf({ project, environment, service }: SeriesKey): SeriesId {
  const hash = createHash("sha256");
  for (const name of [project, environment, service]) {
    hash.update(`${Buffer.byteLength(name)}:${name};`);
  }
  return hash.digest("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, "$1-$2-$3-$4-$5");
}

/** Writes decisions in one statement; a thousand are a sensible number. */
export async function writeDecisions(db: Executor, rows: readonly Decision[]): Promise<void> {
  if (rows.length === 0) return;
  const numbers = (name: NumberColumn) => rows.map((row) => storable(row[name]));
  await run(db, WRITE_SQL, [
    rows.map(({ series }) => series),
    rows.map(({ atMs }) => atMs),
    rows.map(({ unseenFromMs }) => unseenFromMs),
    rows.map(({ kind }) => kind),
    rows.map(({ part }) => part),
    rows.map(({ state }) => state),
    ...NUMBER_COLUMNS.map(numbers),
    rows.map(({ why }) => clip(why.replaceAll("\0", ""), WHY_CHARS_MAX)),
  ]);
}

const NUMBER_COLUMNS = [
  "evidence",
  "peakEvidence",
  "bar",
  "observed",
  "expected",
  "expectedLow",
  "expectedHigh",
] as const;
type NumberColumn = (typeof NUMBER_COLUMNS)[number];

function storable(value: number | null): number | null {
  if (value === null || !Number.isFinite(value)) return null;
  return Math.min(REAL_MAX, Math.max(-REAL_MAX, value));
}

const instant = (ms: string) => `to_timestamp(${ms} / 1000)`;

const WRITE_SQL = `
insert into decisions (series, at, unseen_from, recorded_at, kind, part, state,
  evidence, peak_evidence, bar, observed, expected, expected_low, expected_high, why)
select series, ${instant("at")}, ${instant("unseen_from")}, statement_timestamp(), kind, part, state,
  evidence, peak_evidence, bar, observed, expected, expected_low, expected_high, why
from unnest($1::uuid[], $2::float8[], $3::float8[], $4::text[], $5::text[], $6::text[],
  $7::float8[], $8::float8[], $9::float8[], $10::float8[], $11::float8[], $12::float8[], $13::float8[],
  $14::text[]) as given (series, at, unseen_from, kind, part, state,
  evidence, peak_evidence, bar, observed, expected, expected_low, expected_high, why)`;

/** A decision with the database's time of its writing. */
export interface RecordedDecision extends Decision {
  readonly recordedMs: number;
}

export interface DecisionsAround {
  /** The newest of each kind and part at or before the moment, and the first after it. */
  readonly before: readonly RecordedDecision[];
  readonly after: readonly RecordedDecision[];
}

/** What is recorded of some series around a moment, at most DECISION_REACH_HOURS away from it. */
export async function decisionsAround(
  db: Executor,
  series: readonly SeriesId[],
  atMs: number,
): Promise<DecisionsAround> {
  const [before, after] = await Promise.all([
    run(db, BEFORE_SQL, [series, atMs]),
    run(db, AFTER_SQL, [series, atMs]),
  ]);
  return { before: before.map(decisionOf), after: after.map(decisionOf) };
}

const msSql = (column: string) => `(extract(epoch from ${column}) * 1000)::float8`;
const COLUMNS = `series::text, kind, part, state, ${msSql("at")} as at_ms, ${msSql("unseen_from")} as unseen_ms,
  ${msSql("recorded_at")} as recorded_ms,
  evidence, peak_evidence, bar, observed, expected, expected_low, expected_high, why`;
const MOMENT = instant("$2::float8");
const REACH = `interval '${DECISION_REACH_HOURS} hours'`;
// Several processors may have judged the same minute: the one that saw most is told.
const MOST = "peak_evidence / nullif(bar, 0) desc nulls last";

const BEFORE_SQL = `
select distinct on (series, kind, part) ${COLUMNS} from decisions
where series = any($1::uuid[]) and at <= ${MOMENT} and at > ${MOMENT} - ${REACH}
order by series, kind, part, at desc, ${MOST}`;

const AFTER_SQL = `
select distinct on (series, kind, part) ${COLUMNS} from decisions
where series = any($1::uuid[]) and at > ${MOMENT} and at < ${MOMENT} + ${REACH}
order by series, kind, part, at, ${MOST}`;

/** When the nearest decision of a series before and after a moment was, whatever the distance; event time. */
export async function nearestDecisions(
  db: Executor,
  series: SeriesId,
  atMs: number,
): Promise<{ readonly beforeMs: number | null; readonly afterMs: number | null }> {
  const [row = {}] = await run(db, NEAREST_SQL, [series, atMs]);
  return { beforeMs: numberOrNull(row, "before_ms"), afterMs: numberOrNull(row, "after_ms") };
}

const NEAREST_SQL = `
select
  (select ${msSql("max(at)")} from decisions where series = $1::uuid and at <= ${MOMENT}) as before_ms,
  (select ${msSql("min(at)")} from decisions where series = $1::uuid and at > ${MOMENT}) as after_ms`;

function decisionOf(row: Row): RecordedDecision {
  return {
    series: textOf(row, "series"),
    kind: wordOf(row, "kind", KINDS),
    part: textOf(row, "part"),
    state: wordOf(row, "state", DECISION_STATES),
    atMs: numberOf(row, "at_ms"),
    unseenFromMs: numberOrNull(row, "unseen_ms"),
    recordedMs: numberOf(row, "recorded_ms"),
    evidence: numberOrNull(row, "evidence"),
    peakEvidence: numberOrNull(row, "peak_evidence"),
    bar: numberOrNull(row, "bar"),
    observed: numberOrNull(row, "observed"),
    expected: numberOrNull(row, "expected"),
    expectedLow: numberOrNull(row, "expected_low"),
    expectedHigh: numberOrNull(row, "expected_high"),
    why: textOf(row, "why"),
  };
}

/** Deletes decisions that are older than DECISIONS_KEPT_HOURS, at most `limit` of them; how many it were. */
export async function sweepDecisions(db: Executor, limit: number): Promise<number> {
  const [row = {}] = await run(db, SWEEP_SQL, [limit]);
  return numberOf(row, "count");
}

const SWEEP_SQL = `
with gone as (
  delete from decisions where ctid = any(array(
    select ctid from decisions
    where recorded_at < statement_timestamp() - interval '${DECISIONS_KEPT_HOURS} hours'
    order by recorded_at limit $1 for update skip locked))
  returning 1)
select count(*)::int as count from gone`;

/** An incident that was open at a moment. */
export interface IncidentAt {
  readonly id: string;
  readonly kind: Kind;
  readonly part: string;
  readonly openedMs: number;
  readonly closedMs: number | null;
  readonly title: string;
}

/** Incidents of some series that were open at a moment of the database's time, the newest first. */
export async function incidentsAt(
  db: Executor,
  series: readonly SeriesKey[],
  atMs: number,
): Promise<IncidentAt[]> {
  const rows = await run(db, INCIDENTS_SQL, [
    series.map(({ project }) => project),
    atMs,
    series.map(({ environment }) => environment),
    series.map(({ service }) => service),
  ]);
  return rows.map((row) => ({
    id: textOf(row, "id"),
    kind: wordOf(row, "kind", KINDS),
    part: textOf(row, "part"),
    openedMs: numberOf(row, "opened_ms"),
    closedMs: numberOrNull(row, "closed_ms"),
    title: textOf(row, "title"),
  }));
}

const SERIES_GIVEN = "(select * from unnest($1::text[], $3::text[], $4::text[]))";

// Few incidents are open, and few have ended since: both sides have an index for that.
const INCIDENTS_SQL = `
select 'inc_' || fingerprint || '-' || epoch as id, kind, part, title,
  ${msSql("onset_at")} as opened_ms, null::float8 as closed_ms
from incidents
where state = 'open' and onset_at <= ${MOMENT} and (project, environment, service) in ${SERIES_GIVEN}
union all
select id, incident ->> 'kind', incident ->> 'part', incident ->> 'title',
  ${msSql("onset_at")}, ${msSql("closed_at")}
from (select *, (incident ->> 'openedAt')::timestamptz as onset_at from incident_history
  where closed_at >= ${MOMENT}) ended
where onset_at <= ${MOMENT} and (project, incident ->> 'environment', service) in ${SERIES_GIVEN}
order by opened_ms desc limit ${INCIDENTS_MAX}`;

/** Whether any processor ran at a moment of the database's time; null when that is too long ago to know. */
export async function wasRunning(db: Executor, atMs: number): Promise<boolean | null> {
  const [row = {}] = await run(db, RUNNING_SQL, [atMs]);
  if (row["too_old"] === true) return null;
  return row["running"] === true;
}

/** A heartbeat is written each second; a pause up to this is none. */
const HEARTBEAT_SLACK = "interval '30 seconds'";

const RUNNING_SQL = `
select ${instant("$1::float8")} < statement_timestamp() - interval '${DECISIONS_KEPT_HOURS} hours' as too_old,
  exists (select from processors
    where started_at <= ${instant("$1::float8")} + ${HEARTBEAT_SLACK}
      and heartbeat_at >= least(${instant("$1::float8")}, statement_timestamp()) - ${HEARTBEAT_SLACK}) as running`;
