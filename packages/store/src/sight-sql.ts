import { deployBeforeSql } from "./deploys.ts";
import { incidentSql } from "./incident-json.ts";
import { SILENCES_CTE, silencedBySql } from "./silence-match.ts";

/** Edits of one incident are at least this far apart. */
const EDIT_SECONDS = 30;
/** A delivery is tried for this long. */
const GIVE_UP_HOURS = 24;
/** An epoch that is the third within so long is flapping. */
const FLAP_MINUTES = 60;
const FLAP_OPENS = 3;

/**
 * Shortly after its opening an incident takes an earlier onset, if it is earlier by more than so much: a statement
 * that lay in a black hole was written when that ended, with the ages of before, and its sender tells it again.
 */
const ONSET_OPEN_SECONDS = 90;
const ONSET_EARLIER_SECONDS = 2;

const HOLD = "make_interval(secs => $2::float8)";
const QUIET = "make_interval(secs => $3::float8)";
const REPEAT = "make_interval(secs => $4::float8)";
const CHANNELS = "$5::text[]";
/** Whom a change is told: its own channels, and of those that were told before the ones that are still told of anything. */
const TOLD = `array(select unnest(route) union (select unnest(channels) intersect select unnest(${CHANNELS})))`;

/** The newest evidence, with the worst that any of the epoch has shown: its end must not look better. */
const WORST_KEPT = `excluded.evidence || jsonb_build_object('peak', case held.part
  when 'drop' then least(${peakOf("held")}, ${peakOf("excluded")})
  else greatest(${peakOf("held")}, ${peakOf("excluded")}) end)`;

/** Null in what was written before peaks were. */
function peakOf(row: string): string {
  return `(${row}.evidence ->> 'peak')::float8`;
}

/** The columns that a sighting decides, each with its value in the row that opens a fingerprint's first
 * epoch (`s` is the sighting with the clock), and its value when the row was there before. There, `held`
 * is the locked row, `excluded` the sighting, and `n` the decision: `clock`, `seen_at`, `onset_at`,
 * `outcome`, `fresh` (a new epoch), `late`, `earlier` (an onset to take), `news` (people should hear of it), `silence` (that keeps them
 * from it, asked only when there is something to keep), `told` (they do hear of it), `opens`. */
const COLUMNS: readonly (readonly [name: string, first: string, again: string])[] = [
  ["epoch", "1", "held.epoch + case when n.fresh then 1 else 0 end"],
  ["state", "'open'", "case when n.late then held.state else 'open' end"],
  ["severity", "s.severity", kept("greatest(held.severity, excluded.severity)", "severity")],
  ["outcome", "'created'", "n.outcome"],
  ["decided_at", "s.clock", "n.clock"],
  [
    "onset_at",
    "s.onset_at",
    "case when n.fresh or n.earlier then n.onset_at else held.onset_at end",
  ],
  ["opened_at", "s.clock", "case when n.fresh then n.clock else held.opened_at end"],
  [
    "last_seen_at",
    "s.seen_at",
    later("n.seen_at", "greatest(held.last_seen_at, n.seen_at)", "last_seen_at"),
  ],
  // Fixed for the whole epoch. Only a new epoch has a new hold.
  [
    "hold_until",
    `s.clock + ${HOLD}`,
    `case when n.fresh then n.clock + ${HOLD} else held.hold_until end`,
  ],
  [
    "expires_at",
    `greatest(s.seen_at + ${QUIET}, s.clock + ${HOLD})`,
    later(
      `greatest(n.seen_at + ${QUIET}, n.clock + ${HOLD})`,
      // Made before the detector said that it is over: it must not take that back.
      `case when n.seen_at <= held.cleared_at then held.expires_at else greatest(held.expires_at, n.seen_at + ${QUIET}) end`,
      "expires_at",
    ),
  ],
  [
    "renotify_at",
    `s.clock + ${REPEAT}`,
    `case when n.outcome in ('created', 'unmuted', 'escalated', 'repeat') then n.clock + ${REPEAT} else held.renotify_at end`,
  ],
  [
    "edit_after",
    `s.clock + interval '${EDIT_SECONDS} s'`,
    `case when n.news then n.clock + interval '${EDIT_SECONDS} s' else held.edit_after end`,
  ],
  [
    "cleared_at",
    "null",
    later("null", "case when n.seen_at <= held.cleared_at then held.cleared_at end", "cleared_at"),
  ],
  ["closed_at", "null", "case when n.late then held.closed_at end"],
  ["close_reason", "null", "case when n.late then held.close_reason end"],
  ["acked_at", "null", "case when not n.fresh then held.acked_at end"],
  ["acked_by", "null", "case when not n.fresh then held.acked_by end"],
  ["occurrences", "s.occurrences", kept("held.occurrences + excluded.occurrences", "occurrences")],
  [
    "announced_occurrences",
    "s.occurrences",
    announced("held.occurrences + excluded.occurrences", "occurrences"),
  ],
  ["peak", "s.peak", kept("greatest(held.peak, excluded.peak)", "peak")],
  ["announced_peak", "s.peak", announced("greatest(held.peak, excluded.peak)", "peak")],
  [
    "text_pending",
    "false",
    "case when n.fresh or n.told then false when n.late then held.text_pending else held.text_pending or excluded.new_text or n.earlier end",
  ],
  ["seq", "1", "case when n.fresh then 1 when n.told then held.seq + 1 else held.seq end"],
  ["title", "s.title", "case when n.late then held.title else excluded.title end"],
  ["evidence", "s.evidence", later("excluded.evidence", WORST_KEPT, "evidence")],
  [
    "exemplars",
    "s.exemplars",
    later(
      "excluded.exemplars",
      "case when excluded.exemplars = '[]' then held.exemplars else excluded.exemplars end",
      "exemplars",
    ),
  ],
  [
    "channels",
    `case when s.silence is null then s.route else '{}' end`,
    `case when n.fresh and n.told then excluded.route when n.fresh then '{}'
       when n.told and n.outcome <> 'update'
         then array(select unnest(held.channels) union select unnest(excluded.route))
       else held.channels end`,
  ],
  ["route", "s.route", "excluded.route"],
  ["age_ms", "s.age_ms", "excluded.age_ms"],
  ["onset_age_ms", "s.onset_age_ms", "excluded.onset_age_ms"],
  ["new_text", "s.new_text", "excluded.new_text"],
  [
    "muted",
    "s.silence is not null",
    `case when n.late then held.muted when n.silence is null then false
       when n.outcome in ('created', 'escalated', 'repeat') then true else held.muted end`,
  ],
  ["silence_id", "s.silence", "case when n.news then n.silence else held.silence_id end"],
  [
    "announced_severity",
    "case when s.silence is null then s.severity else -1 end",
    `case when n.fresh and n.told then excluded.severity when n.fresh then -1
       when n.told and n.outcome <> 'update' then greatest(held.severity, excluded.severity)
       else ${announcedSeverity("held")} end`,
  ],
  ["recent_opens", "array[s.clock]", "case when n.fresh then n.opens else held.recent_opens end"],
  [
    "flapping",
    "false",
    `case when n.fresh then cardinality(n.opens) = ${FLAP_OPENS}
       and n.opens[1] > n.clock - interval '${FLAP_MINUTES} min' else held.flapping end`,
  ],
  [
    "deploy",
    deployBeforeSql("s", "s.onset_at"),
    `case when n.fresh or n.earlier then ${deployBeforeSql("held", "n.onset_at")} else held.deploy end`,
  ],
  [
    "superseded",
    "null",
    `case when n.fresh and held.state = 'open' then jsonb_build_object(
       'epoch', held.epoch, 'seq', held.seq + 1, 'channels', held.channels,
       'openedAt', held.opened_at, 'closedAt', n.clock,
       'incident', ${incidentSql("held", { closedAt: "n.clock", reason: "'superseded'" })}) end`,
  ],
];

/** Rows of an earlier version were always told. */
function announcedSeverity(row: string): string {
  return `coalesce(${row}.announced_severity, ${row}.severity)`;
}

/** A new epoch starts with the sighting's own value, a late one leaves what is there. */
function later(fresh: string, again: string, column: string): string {
  return `case when n.fresh then ${fresh} when n.late then held.${column} else ${again} end`;
}

function kept(again: string, column: string): string {
  return later(`excluded.${column}`, again, column);
}

function announced(again: string, column: string): string {
  return `case when n.fresh then excluded.${column} when n.told then ${again} else held.announced_${column} end`;
}

const AGE = (column: string) => `make_interval(secs => ${column} / 1000)`;
const NAMES = COLUMNS.map(([name]) => name).join(", ");

/**
 * What the sighting comes to, asked in this order; `t.clock` is the one reading of the clock. It is read
 * in a sub-select of SET, which runs once per row and only when the row's lock is held: `now()` is
 * frozen when the transaction begins, and everything in VALUES and EXCLUDED was computed before the
 * wait. The nesting (no join) keeps the planner from holding one reading for several rows.
 *
 * A signal that began before the newest sighting is the one that was seen then, however long nobody could
 * write: its incident has not expired, it was the database that was away.
 */
export const DECISION = `
  select t.clock, t.seen_at, t.onset_at, case
    when held.state = 'resolved' and (t.seen_at < held.closed_at or
      (held.close_reason in ('manual', 'clear') and t.onset_at < held.closed_at)) then 'late'
    when held.state = 'resolved' then 'created'
    when t.clock >= held.expires_at and t.clock >= held.hold_until
      and t.onset_at > held.last_seen_at then 'created'
    when excluded.severity > held.severity then 'escalated'
    when t.clock >= held.hold_until and t.clock >= held.renotify_at and held.acked_at is null then 'repeat'
    when t.clock >= held.edit_after and (
      (t.occurrences > held.announced_occurrences and
        t.occurrences >= 2 * held.announced_occurrences) or
      (t.peak > held.announced_peak and t.peak >= 1.2 * held.announced_peak) or
      held.text_pending or excluded.new_text) then 'update'
    else 'duplicate' end as outcome
  from (
    select c.clock, c.clock - ${AGE("excluded.age_ms")} as seen_at,
      c.clock - ${AGE("excluded.onset_age_ms")} as onset_at,
      held.occurrences + excluded.occurrences as occurrences,
      greatest(held.peak, excluded.peak) as peak
    from (select clock_timestamp() as clock offset 0) c offset 0
  ) t offset 0`;

/** What the sighting comes to but for what silences have to say, and the silence that matches it, if any. */
const JUDGED = `
  select d.clock, d.seen_at, d.onset_at, d.outcome as asked, case
    when d.outcome = 'late' or (d.outcome = 'duplicate' and not held.muted) then null
    else ${silencedBySql(
      {
        row: "held",
        severity:
          "case when d.outcome = 'created' then excluded.severity else greatest(held.severity, excluded.severity) end",
        evidence: "excluded.evidence",
      },
      "d.clock",
    )} end as silence
  from (${DECISION}) d offset 0`;

/**
 * A silence keeps a change from being told, not from being made. What it kept is told by the first sighting
 * after it: the opening as `unmuted` if nobody has heard of this epoch, else what rose, else a reminder,
 * unless somebody has taken it on.
 */
const UNMUTED = `
  select j.*, case
    when j.silence is not null or not held.muted or j.asked in ('late', 'created') then j.asked
    when ${announcedSeverity("held")} < 0 then 'unmuted'
    when greatest(held.severity, excluded.severity) > ${announcedSeverity("held")} then 'escalated'
    when held.acked_at is null then 'repeat'
    else j.asked end as outcome
  from (${JUDGED}) j offset 0`;

const RESERVATION = `
  insert into incidents as held
    (fingerprint, project, environment, service, kind, part, ${NAMES})
  select s.fingerprint, s.project, s.environment, s.service, s.kind, s.part,
    ${COLUMNS.map(([, first]) => first).join(", ")}
  from (
    select k.*, ${silencedBySql({ row: "k", severity: "k.severity", evidence: "k.evidence" }, "k.clock")} as silence
    from (
      select i.*, i.clock - ${AGE("i.age_ms")} as seen_at, i.clock - ${AGE("i.onset_age_ms")} as onset_at
      from (select *, clock_timestamp() as clock from input order by fingerprint offset 0) i offset 0
    ) k offset 0
  ) s
  on conflict (fingerprint) do update set (${NAMES}) = (
    select ${COLUMNS.map(([, , again]) => again).join(", ")}
    from (
      select u.*, u.outcome = 'created' as fresh, u.outcome = 'late' as late,
        u.outcome not in ('late', 'created')
          and u.clock < held.opened_at + interval '${ONSET_OPEN_SECONDS} s'
          and u.onset_at < held.onset_at - interval '${ONSET_EARLIER_SECONDS} s' as earlier,
        u.outcome not in ('late', 'duplicate') as news,
        u.outcome not in ('late', 'duplicate') and u.silence is null as told,
        (held.recent_opens || u.clock)[greatest(1, cardinality(held.recent_opens) - ${FLAP_OPENS - 2}):] as opens
      from (${UNMUTED}) u offset 0
    ) n
  )
  returning held.*`;

/**
 * $1 sightings (jsonb), $2 hold, $3 quiet and $4 repeat in seconds, $5 channels. Returns one row per
 * sighting: fingerprint, epoch, outcome.
 */
export const SIGHT_SQL = `
with input as (
  select i.*, coalesce(i.channels, ${CHANNELS}) as route from jsonb_to_recordset($1::jsonb) as i(
    fingerprint text, project text, environment text, service text, kind text, part text,
    severity smallint, onset_age_ms float8, age_ms float8, occurrences bigint, peak float8,
    title text, evidence jsonb, exemplars jsonb, new_text boolean, channels text[])
), ${SILENCES_CTE}, reserved as (${RESERVATION}
), history as (
  insert into incident_history
    (id, fingerprint, epoch, project, service, opened_at, closed_at, incident)
  select superseded #>> '{incident,id}', fingerprint, (superseded ->> 'epoch')::int, project, service,
    (superseded ->> 'openedAt')::timestamptz, decided_at, superseded -> 'incident'
  from reserved where superseded is not null
), messages as (
  select fingerprint, (superseded ->> 'epoch')::int as epoch, (superseded ->> 'seq')::int as seq,
    jsonb_array_elements_text(superseded -> 'channels') as channel, 'resolve' as action,
    superseded -> 'incident' as incident, decided_at
  from reserved where superseded is not null
  union all
  select fingerprint, epoch, seq, unnest(case when outcome = 'update' then channels else ${TOLD} end),
    case outcome when 'created' then 'open' when 'unmuted' then 'open' when 'escalated' then 'escalate'
      when 'repeat' then 'repeat' else 'edit' end,
    ${incidentSql("reserved")}, decided_at
  from reserved where outcome not in ('late', 'duplicate') and silence_id is null
), kept as (
  select silence_id, count(*) as held from reserved
  where silence_id is not null and (outcome in ('created', 'escalated', 'repeat')
    or outcome = 'update' and cardinality(channels) > 0)
  group by silence_id
), counters as materialized (
  select id from silences where id in (select silence_id from kept) order by id for update
), counted as (
  update silences set held = silences.held + kept.held from kept, counters
  where silences.id = kept.silence_id and counters.id = silences.id
), announced as (
  insert into outbox
    (fingerprint, epoch, seq, channel, action, incident, created_at, due_at, give_up_at)
  select fingerprint, epoch, seq, channel, action, incident, decided_at, decided_at,
    decided_at + interval '${GIVE_UP_HOURS} h'
  from messages
  on conflict (fingerprint, epoch, channel) where action = 'edit' and state = 'pending'
  do update set seq = excluded.seq, incident = excluded.incident
)
select fingerprint, epoch, outcome from reserved`;
