import { DELIVERY_ACTIONS, type DeliveryAction, type Incident, TracerError } from "@tracer/core";
import { type Executor, type Row, run } from "./executor.ts";
import { isoSql } from "./incident-json.ts";
import { numberOf, textOf, textOrNull, wordOf } from "./row.ts";

/** Newest tries of a delivery that are shown. */
export const ATTEMPTS_MAX = 50;

/** `pending`: waiting or being sent; `dead`: given up, and only sent when somebody asks for it. */
export const DELIVERY_STATES = ["pending", "sent", "dead"] as const;

export type DeliveryState = (typeof DELIVERY_STATES)[number];

/** One change of an incident on its way to one channel, as shown. Times are ISO 8601 in UTC. */
export interface DeliveryRecord {
  readonly id: string;
  readonly incidentId: string;
  readonly channel: string;
  readonly action: DeliveryAction;
  readonly state: DeliveryState;
  readonly attempts: number;
  readonly createdAt: string;
  readonly sentAt: string | null;
  readonly lastError: string | null;
}

/** One try to send a delivery. Times are ISO 8601 in UTC. */
export interface DeliveryAttempt {
  readonly startedAt: string;
  /** Null while it has not ended, and for good when whoever tried has died. */
  readonly endedAt: string | null;
  /** What the answer meant, a verdict's kind; null while it is not known. */
  readonly outcome: string | null;
  readonly reason: string | null;
}

export interface ListDeliveriesOptions {
  readonly state: DeliveryState;
  readonly project?: string;
  readonly limit: number;
  /** `nextCursor` of the page before. */
  readonly cursor?: string;
}

export interface DeliveryPage {
  /** Newest first. */
  readonly deliveries: DeliveryRecord[];
  /** Null when this is the last page. */
  readonly nextCursor: string | null;
}

/**
 * Deliveries in a state, newest first. What is written meanwhile does not shift later pages.
 *
 * @throws TracerError INPUT_INVALID when the cursor is not one of ours.
 */
export async function listDeliveries(
  db: Executor,
  { state, project, limit, cursor }: ListDeliveriesOptions,
): Promise<DeliveryPage> {
  const beforeId = cursor === undefined ? null : idOf(cursor);
  const rows = await run(db, LIST_SQL, [state, project ?? null, limit + 1, beforeId]);
  const deliveries = rows.slice(0, limit).map(recordOf);
  const last = deliveries.at(-1);
  const isLastPage = rows.length <= limit || last === undefined;
  return { deliveries, nextCursor: isLastPage ? null : cursorOf(last.id) };
}

function cursorOf(id: string): string {
  return Buffer.from(`delivery ${id}`).toString("base64url");
}

function idOf(cursor: string): string {
  const id = /^delivery ([0-9]{1,15})$/.exec(Buffer.from(cursor, "base64url").toString())?.[1];
  if (id !== undefined) return id;
  throw new TracerError("INPUT_INVALID", "The cursor is not one that this API gave out.");
}

/**
 * All that was written about each of some incidents, by incident id and in order; edits that something newer
 * overtook are left out. An incident of which nothing was written is not in the map.
 */
export async function deliveriesOf(
  db: Executor,
  incidents: readonly Pick<Incident, "fingerprint" | "epoch">[],
): Promise<Map<string, DeliveryRecord[]>> {
  const fingerprints = incidents.map(({ fingerprint }) => fingerprint);
  const epochs = incidents.map(({ epoch }) => epoch);
  const rows = await run(db, OF_INCIDENTS_SQL, [fingerprints, epochs]);
  return Map.groupBy(rows.map(recordOf), ({ incidentId }) => incidentId);
}

/** At most ATTEMPTS_MAX tries of each of some deliveries, the newest, oldest first, by delivery id. */
export async function attemptsOf(
  db: Executor,
  deliveryIds: readonly string[],
): Promise<Map<string, DeliveryAttempt[]>> {
  const rows = await run(db, ATTEMPTS_SQL, [deliveryIds]);
  const found = new Map<string, DeliveryAttempt[]>();
  for (const row of rows) {
    const id = textOf(row, "delivery_id");
    const attempts = found.get(id) ?? [];
    attempts.push({
      startedAt: textOf(row, "started_at"),
      endedAt: textOrNull(row, "ended_at"),
      outcome: textOrNull(row, "outcome"),
      reason: textOrNull(row, "reason"),
    });
    found.set(id, attempts);
  }
  return found;
}

const ATTEMPTS_SQL = `
select a.* from unnest($1::bigint[]) as d (id) cross join lateral (
  select * from (
    select id, delivery_id::text, ${isoSql("started_at")} as started_at, ${isoSql("ended_at")} as ended_at,
      outcome, reason
    from delivery_attempts where delivery_id = d.id order by id desc limit ${ATTEMPTS_MAX}) newest
) a order by a.id`;

const COLUMNS = `id::text, 'inc_' || fingerprint || '-' || epoch as incident_id, channel, action,
  case state when 'leased' then 'pending' else state end as state, attempts,
  ${isoSql("created_at")} as created_at, ${isoSql("sent_at")} as sent_at, last_error`;

const LIST_SQL = `
select ${COLUMNS} from outbox
where state = any(case when $1 = 'pending' then array['pending', 'leased'] else array[$1] end)
  and ($2::text is null or incident ->> 'project' = $2)
  and ($4::bigint is null or outbox.id < $4::bigint)
order by outbox.id desc limit $3`;

const OF_INCIDENTS_SQL = `
select ${COLUMNS} from outbox
where (fingerprint, epoch) in (select * from unnest($1::text[], $2::int[])) and state <> 'dropped'
order by epoch, seq, outbox.id`;

function recordOf(row: Row): DeliveryRecord {
  return {
    id: textOf(row, "id"),
    incidentId: textOf(row, "incident_id"),
    channel: textOf(row, "channel"),
    action: wordOf(row, "action", DELIVERY_ACTIONS),
    state: wordOf(row, "state", DELIVERY_STATES),
    attempts: numberOf(row, "attempts"),
    createdAt: textOf(row, "created_at"),
    sentAt: textOrNull(row, "sent_at"),
    lastError: textOrNull(row, "last_error"),
  };
}
