import type { Incident } from "@tracer/core";
import { notPausedSql } from "./channel-pause.ts";
import { CLAIMABLE_SQL, FIRST_SQL } from "./claimable.ts";
import { type Executor, run } from "./executor.ts";
import { incidentOf, incidentSql } from "./incident-json.ts";
import { awakeSql } from "./quiet-hours.ts";
import { textOf } from "./row.ts";

/** Incidents in one message; the next begins another. All of them are named in it. */
export const GROUP_MEMBERS_MAX = 20;
/** Openings of so many services, each within so long of the others, are one matter. */
export const GROUP_SERVICES_MIN = 3;
export const GROUP_SECONDS = 60;

/**
 * An opening waits for whoever is sending another, to join what that brings; not longer than this, and not for a message
 * whose change takes longer: then it has one of its own. Nobody hears late because somebody else hangs.
 */
const GROUP_WAIT_SECONDS = 2;

const OPENINGS = "openings of ";

/** Openings that are looked at to see how many services have them. */
const OPENINGS_SEEN_MAX = 50;
/** Deliveries that are looked at for one claim: far more than can be sent meanwhile. */
const CANDIDATES_MAX = 100;

/** SQL: row `r` of outbox was told by a message of its own, or of its group: its receipt names the place. */
export function placedSql(r: string): string {
  return `${r}.state = 'sent' and ${r}.receipt ? 'ts' and not ${r}.receipt ? 'digest'`;
}

/**
 * SQL: the messages on the channel that an opening `o` may join: that of an open incident of its service, or, when
 * the openings around it are of GROUP_SERVICES_MIN services, the earliest of these that is still open.
 */
const HOSTS_SQL = `
  select told.receipt ->> 'ts' as ts, 1 as rank, told.id
  from incidents i join outbox told on told.fingerprint = i.fingerprint and told.epoch = i.epoch
    and told.channel || '' = o.channel and ${placedSql("told")}
  where i.state = 'open' and i.project = o.incident ->> 'project'
    and i.service = o.incident ->> 'service' and i.environment = o.incident ->> 'environment'
    and i.fingerprint <> o.fingerprint
  union all
  select told.receipt ->> 'ts', 2, told.id
  from (
    select count(distinct (n.incident ->> 'environment', n.incident ->> 'service')) as services from (
      select near.incident from outbox near where ${nearSql("near")}
      order by near.created_at limit ${OPENINGS_SEEN_MAX}) n
  ) around join outbox told on ${nearSql("told")} and ${placedSql("told")}
    and told.fingerprint <> o.fingerprint
  where around.services >= ${GROUP_SERVICES_MIN} and exists (select from incidents i
    where i.fingerprint = told.fingerprint and i.epoch = told.epoch and i.state = 'open')`;

/** SQL: row `r` has been under way for longer than others wait for it. */
function waitedSql(r: string): string {
  return `${r}.leased_at < statement_timestamp() - interval '${GROUP_WAIT_SECONDS} s'`;
}

/** SQL: an opening of channel $1 that others do not wait for any longer. */
const SLOW_OPENING = `channel = $1 and state = 'leased' and group_key like '${OPENINGS}%' and ${waitedSql("outbox")}`;

/** SQL: there is such an opening. */
export const SLOW_OPENINGS_SQL = `exists (select from outbox where ${SLOW_OPENING})`;

/** Lets others open although it is still under way. */
export const PASS_SLOW_OPENINGS_SQL = `update outbox set group_key = null where id in (
  select id from outbox where ${SLOW_OPENING} for update skip locked)`;

/** SQL: row `r` is an opening of the same project and channel, and of about the same time, as `o`. */
function nearSql(r: string): string {
  return `${r}.channel = o.channel and ${r}.action = 'open'
    and ${r}.created_at between o.created_at - interval '${GROUP_SECONDS} s'
      and o.created_at + interval '${GROUP_SECONDS} s'
    and ${r}.incident ->> 'project' = o.incident ->> 'project'`;
}

/** The message that opening `o` joins. One that may have been posted by itself already joins none. */
const HOST_SQL = `
select h.ts from (
  select ts, min(rank) as rank, min(id) as id from (${HOSTS_SQL}) hosts group by ts) h
where (o.attempts = 0 or o.group_key = h.ts)
  and not exists (select from outbox slow where slow.channel = o.channel and slow.group_key = h.ts
    and slow.state = 'leased' and slow.id <> o.id and ${waitedSql("slow")})
  and ${GROUP_MEMBERS_MAX} > (select count(distinct (m.fingerprint, m.epoch)) from outbox m
    where m.channel = o.channel and m.receipt ->> 'ts' = h.ts and ${placedSql("m")})
order by h.rank, h.id limit 1`;

/**
 * SQL: `due (id, key)`, locked: what may be claimed of a channel whose messages tell of several incidents. Of what
 * has the same key one is claimed: of changes that show in one message, so that the last to arrive is the newest; and of
 * a project's openings, so that the next can join the message. The index `outbox_group` keeps that also from two that
 * claim at once and do not see each other. Parameters as in CLAIM_SQL.
 */
export const GROUPED_DUE_SQL = `
waiting as materialized (
  select o.id, o.urgency, o.due_at, o.fingerprint, own.ts,
    case when o.action = 'open' and own.ts is null then o.incident ->> 'project' end as opens_in
  from (
    select o.* from outbox o
    where o.channel = $5 and o.digest is null and ${CLAIMABLE_SQL}
      and ${FIRST_SQL} and ${notPausedSql("$5")} and ${awakeSql("$5")}
    order by o.urgency, o.due_at, o.id limit ${CANDIDATES_MAX}
  ) o left join lateral (
    select e.receipt ->> 'ts' as ts from outbox e
    where e.fingerprint = o.fingerprint and e.epoch = o.epoch and e.channel = o.channel
      and ${placedSql("e")} order by e.seq limit 1
  ) own on true
), openings as materialized (
  select distinct on (opens_in) * from waiting where opens_in is not null
  order by opens_in, urgency, due_at, id
), candidates as materialized (
  select id, urgency, due_at, coalesce(ts, 'incident ' || fingerprint) as key
  from waiting where opens_in is null
  union all
  select w.id, w.urgency, w.due_at, coalesce(host.ts, '${OPENINGS}' || w.opens_in)
  from openings w join outbox o on o.id = w.id left join lateral (${HOST_SQL}) host on true
  where not exists (select from outbox busy where busy.channel = $5 and busy.state = 'leased'
    and busy.group_key = '${OPENINGS}' || w.opens_in and busy.id <> w.id)
), firsts as materialized (
  select distinct on (c.key) c.id, c.key from candidates c
  where not exists (select from outbox busy where busy.channel = $5 and busy.state = 'leased'
    and busy.group_key = c.key and busy.id <> c.id)
  order by c.key, c.urgency, c.due_at, c.id
), due as materialized (
  select o.id, firsts.key from outbox o join firsts on firsts.id = o.id
  where o.digest is null and ${CLAIMABLE_SQL}
  order by o.urgency, o.due_at, o.id limit $3
  for update of o skip locked
)`;

/**
 * The incidents that each of some messages of a channel tells of, as they are now and in the order in which
 * they came to it; of a delivery that is about to join its message, too.
 */
export async function readGroups(
  db: Executor,
  options: {
    readonly channel: string;
    /** Of each message: where it is, and a delivery that will show in it. */
    readonly messages: readonly { readonly ts: string; readonly deliveryId: string }[];
  },
): Promise<Map<string, Incident[]>> {
  const { channel, messages } = options;
  if (messages.length === 0) return new Map();
  const places = [messages.map(({ ts }) => ts), messages.map(({ deliveryId }) => deliveryId)];
  const rows = await run(db, GROUPS_SQL, [channel, ...places]);
  const groups = Map.groupBy(rows, (row) => textOf(row, "ts"));
  return new Map(
    [...groups].map(([ts, members]) => [ts, members.map((row) => incidentOf(row["incident"]))]),
  );
}

const GROUPS_SQL = `
with shown as (
  select i.ts, m.fingerprint, m.epoch, m.id, m.sent_at from unnest($2::text[], $3::bigint[]) as i(ts, id)
  join outbox m on m.channel = $1 and m.receipt ->> 'ts' = i.ts and ${placedSql("m")}
  union all
  select i.ts, m.fingerprint, m.epoch, m.id, null from unnest($2::text[], $3::bigint[]) as i(ts, id)
  join outbox m on m.id = i.id
), members as (
  select distinct on (ts, fingerprint, epoch) * from shown
  order by ts, fingerprint, epoch, sent_at nulls last, id
)
select m.ts, coalesce(case when i.epoch = m.epoch then ${incidentSql("i")} end,
  h.incident, o.incident) as incident
from members m join outbox o on o.id = m.id
left join incidents i on i.fingerprint = m.fingerprint
left join incident_history h on h.fingerprint = m.fingerprint and h.epoch = m.epoch
order by m.ts, m.sent_at nulls last, m.id`;
