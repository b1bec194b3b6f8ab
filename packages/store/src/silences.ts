import assert from "node:assert/strict";
import { type Incident, type Kind, type Severity, TracerError } from "@tracer/core";
import { type Executor, type Row, run } from "./executor.ts";
import { incidentOf, incidentSql, isoSql } from "./incident-json.ts";
import { retryOnLock } from "./retry-on-lock.ts";
import { numberOf, textOf, textOrNull, wordOf } from "./row.ts";
import { matchesSql, silencePatternsSql } from "./silence-match.ts";

/** Longest reason, in UTF-16 units. */
export const REASON_CHARS_MAX = 500;
/** Silences of a project that are not over yet. */
export const SILENCES_MAX = 1_000;
/** The longest silence. */
export const SILENCE_DAYS_MAX = 366;

export const SILENCE_STATES = ["pending", "active", "expired"] as const;

export type SilenceState = (typeof SILENCE_STATES)[number];

/** All that are given must match; at least one is. In `service` and `template`, `*` stands for anything. */
export interface SilenceMatchers {
  readonly service?: string;
  readonly kind?: Kind;
  readonly severity?: Severity;
  /** Of a signal of kind `template` its part; of any, the text of a template in its evidence. */
  readonly template?: string;
}

/** Times are ISO 8601 in UTC, by the database's clock. */
export interface Silence {
  readonly id: string;
  readonly matchers: Readonly<Record<string, string>>;
  readonly reason: string;
  readonly createdBy: string;
  readonly createdAt: string;
  readonly startsAt: string;
  readonly endsAt: string;
  readonly state: SilenceState;
  /** Messages that it kept from being sent. */
  readonly held: number;
}

export interface CreateSilenceOptions {
  readonly project: string;
  readonly matchers: SilenceMatchers;
  /** 1 to 500 UTF-16 units. */
  readonly reason: string;
  /** ISO 8601 with an offset. Default: now. One that has passed is as good as now. */
  readonly startsAt?: string;
  /** An instant, or so long after the start. */
  readonly ends: { readonly at: string } | { readonly inSeconds: number };
  readonly by: string;
}

/**
 * Keeps what matches from being told until it ends. Incidents that are open already are held from their next
 * change on; what was announced is still resolved.
 *
 * @throws TracerError INPUT_INVALID, with the field, when by the database's clock it would be over already,
 *   last for more than 366 days, or be one too many.
 */
export async function createSilence(db: Executor, options: CreateSilenceOptions): Promise<Silence> {
  const { project, matchers, reason, startsAt, ends, by } = options;
  assert(reason.length > 0 && reason.length <= REASON_CHARS_MAX);
  assert(Object.values(matchers).some((matcher) => matcher !== undefined));
  const [endsAt, inSeconds] = "at" in ends ? [ends.at, null] : [null, ends.inSeconds];
  const values = [project, ...patternsOf(matchers), reason, by, startsAt, endsAt, inSeconds];
  const [row] = await run(db, CREATE_SQL, values);
  assert(row !== undefined, "the statement always answers");
  const refusal = textOrNull(row, "refusal");
  if (refusal !== null) throw refused(refusal, "at" in ends ? "endsAt" : "forSeconds");
  return silenceOf(row);
}

const SHOWN = (clock: string) => `id::text, service, kind, severity, template, reason,
  created_by, ${isoSql("created_at")} as created, ${isoSql("starts_at")} as starts, ${isoSql("ends_at")} as ends,
  held, case when ends_at <= ${clock} then 'expired' when starts_at > ${clock} then 'pending'
    else 'active' end as state`;

const CREATE_SQL = `
with wanted as materialized (
  select clock, greatest($8::timestamptz, clock) as starts_at,
    coalesce($9::timestamptz, greatest($8::timestamptz, clock) + make_interval(secs => $10::float8)) as ends_at
  from (select clock_timestamp() as clock offset 0) c
), judged as materialized (
  select wanted.*, case when ends_at <= clock then 'past' when ends_at <= starts_at then 'before_start'
    when ends_at > starts_at + interval '${SILENCE_DAYS_MAX} days' then 'too_long'
    when (select count(*) from silences where project = $1 and silences.ends_at > wanted.clock) >= ${SILENCES_MAX}
      then 'too_many' end as refusal
  from wanted
), made as (
  insert into silences
    (project, service, kind, severity, template, reason, created_by, created_at, starts_at, ends_at)
  select $1, $2, $3, $4, $5, $6, $7, clock, starts_at, ends_at from judged where refusal is null
  returning *
)
select refusal, shown.* from judged left join (
  select ${SHOWN("created_at")} from made) shown on true`;

function refused(refusal: string, ending: string): TracerError {
  const field = refusal === "too_many" ? "silences" : ending;
  const reason = REFUSALS[refusal] ?? "is refused";
  return new TracerError("INPUT_INVALID", `${field}: ${reason}`, { details: [{ field, reason }] });
}

const REFUSALS: Readonly<Record<string, string>> = {
  past: "must be in the future by the database's clock",
  before_start: "must be after startsAt",
  too_long: `a silence lasts at most ${SILENCE_DAYS_MAX} days`,
  too_many: `a project has at most ${SILENCES_MAX} that are not over; expire some`,
};

export interface ListSilencesOptions {
  readonly project: string;
  readonly state: SilenceState | "all";
  /** At most this many. */
  readonly limit: number;
  /** `nextCursor` of the page before. */
  readonly cursor?: string;
}

export interface SilencePage {
  /** The one that ends last first. */
  readonly silences: Silence[];
  /** Null when this is the last page. */
  readonly nextCursor: string | null;
}

/**
 * Silences of a project.
 *
 * @throws TracerError INPUT_INVALID when the cursor is not one of ours.
 */
export async function listSilences(
  db: Executor,
  { project, state, limit, cursor }: ListSilencesOptions,
): Promise<SilencePage> {
  const [endsMicros, id] = cursor === undefined ? [null, null] : positionOf(cursor);
  const rows = await run(db, LIST_SQL, [project, state, limit + 1, endsMicros, id]);
  const silences = rows.slice(0, limit).map(silenceOf);
  const last = rows[limit - 1];
  const isLastPage = rows.length <= limit || last === undefined;
  return { silences, nextCursor: isLastPage ? null : cursorOf(last) };
}

function cursorOf(row: Row): string {
  const position = `silence ${textOf(row, "ends_micros")} ${textOf(row, "id")}`;
  return Buffer.from(position).toString("base64url");
}

function positionOf(cursor: string): [endsMicros: string, id: string] {
  const text = Buffer.from(cursor, "base64url").toString();
  const [, endsMicros, id] = /^silence ([0-9]{1,18}) ([0-9]{1,15})$/.exec(text) ?? [];
  if (endsMicros !== undefined && id !== undefined) return [endsMicros, id];
  throw new TracerError("INPUT_INVALID", "The cursor is not one that this API gave out.");
}

const LIST_SQL = `
select *, micros::text as ends_micros from (
  select ${SHOWN("statement_timestamp()")}, silences.id as number,
    (extract(epoch from ends_at) * 1000000)::int8 as micros
  from silences where project = $1
) s where ($2 = 'all' or state = $2) and ($4::int8 is null or (micros, number) < ($4::int8, $5::int8))
order by micros desc, number desc limit $3`;

/** Ends a silence now. One that is over stays as it is. Null: the project has none of this id. */
export async function expireSilence(
  db: Executor,
  { id, project }: { readonly id: string; readonly project: string },
): Promise<Silence | null> {
  if (!/^[0-9]{1,15}$/.test(id)) return null;
  const [row] = await retryOnLock(() => run(db, EXPIRE_SQL, [id, project]));
  return row === undefined ? null : silenceOf(row);
}

/** One that has not begun never begins. The clock is read once, and only when the row is held. */
const EXPIRE_SQL = `
with held as materialized (
  select id from silences where id = $1 and project = $2 for update
), now as materialized (select held.id, clock_timestamp() as clock from held), ended as (
  update silences set ends_at = least(ends_at, now.clock), starts_at = least(starts_at, now.clock)
  from now where silences.id = now.id returning silences.*
)
select ${SHOWN("clock_timestamp()")} from ended`;

/** Incidents that are open and that a silence would hold back, newest first, at most `limit`. */
export async function silencedIncidents(
  db: Executor,
  options: {
    readonly project: string;
    readonly matchers: SilenceMatchers;
    readonly limit: number;
  },
): Promise<Incident[]> {
  const { project, matchers, limit } = options;
  const rows = await run(db, PREVIEW_SQL, [project, ...patternsOf(matchers), limit]);
  return rows.map((row) => incidentOf(row["incident"]));
}

const PREVIEW_SQL = `
select ${incidentSql("i")} as incident
from incidents i, (select ${silencePatternsSql("given")} from (select $1::text as project,
  $2::text as service, $3::text as kind, $4::text as severity, $5::text as template) given) silence
where i.state = 'open' and ${matchesSql({
  ...{ silence: "silence", row: "i", severity: "i.severity", evidence: "i.evidence" },
})}
order by i.opened_at desc, i.fingerprint limit $6`;

function patternsOf({ service, kind, severity, template }: SilenceMatchers): (string | null)[] {
  return [service ?? null, kind ?? null, severity ?? null, template ?? null];
}

function silenceOf(row: Row): Silence {
  const matchers = ["service", "kind", "severity", "template"].flatMap((name) => {
    const matcher = textOrNull(row, name);
    return matcher === null ? [] : [[name, matcher] as const];
  });
  return {
    id: textOf(row, "id"),
    matchers: Object.fromEntries(matchers),
    reason: textOf(row, "reason"),
    createdBy: textOf(row, "created_by"),
    createdAt: textOf(row, "created"),
    startsAt: textOf(row, "starts"),
    endsAt: textOf(row, "ends"),
    state: wordOf(row, "state", SILENCE_STATES),
    held: numberOf(row, "held"),
  };
}
