import { DELIVERY_ACTIONS, type DeliveryAction, type Incident } from "@tracer/core";
import { type Executor, type Row, run } from "./executor.ts";
import { isoSql } from "./incident-json.ts";
import { numberOf, textOf, textOrNull, wordOf } from "./row.ts";

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

export interface ListDeliveriesOptions {
  readonly state: DeliveryState;
  readonly project?: string;
  readonly limit: number;
}

/** Deliveries in a state, newest first. */
export async function listDeliveries(
  db: Executor,
  { state, project, limit }: ListDeliveriesOptions,
): Promise<DeliveryRecord[]> {
  const rows = await run(db, LIST_SQL, [state, project ?? null, limit]);
  return rows.map(recordOf);
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

const COLUMNS = `id::text, 'inc_' || fingerprint || '-' || epoch as incident_id, channel, action,
  case state when 'leased' then 'pending' else state end as state, attempts,
  ${isoSql("created_at")} as created_at, ${isoSql("sent_at")} as sent_at, last_error`;

const LIST_SQL = `
select ${COLUMNS} from outbox
where state = any(case when $1 = 'pending' then array['pending', 'leased'] else array[$1] end)
  and ($2::text is null or incident ->> 'project' = $2)
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
