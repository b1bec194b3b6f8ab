import { type Incident, type IncidentState, parseIncidentId, TracerError } from "@tracer/core";
import { type DeliveryRecord, deliveriesOf } from "./deliveries.ts";
import { type Executor, run } from "./executor.ts";
import { incidentOf, incidentSql } from "./incident-json.ts";
import { textOf } from "./row.ts";

export interface ListIncidentsOptions {
  readonly project?: string;
  readonly service?: string;
  readonly state?: IncidentState;
  /** At most this many. */
  readonly limit: number;
  /** `nextCursor` of the page before. */
  readonly cursor?: string;
}

export interface IncidentPage {
  /** Newest first, by the time the incident was opened. */
  readonly incidents: Incident[];
  /** Null when this is the last page. */
  readonly nextCursor: string | null;
}

/**
 * Incidents, open and over, newest first. An incident that opens meanwhile does not shift later pages.
 *
 * @throws TracerError INPUT_INVALID when the cursor is not one of ours.
 */
export async function listIncidents(
  db: Executor,
  options: ListIncidentsOptions,
): Promise<IncidentPage> {
  const { project = null, service = null, state = null, limit } = options;
  const [openedAt, id] = options.cursor === undefined ? [null, null] : positionOf(options.cursor);
  const values = [project, service, state, openedAt, id, limit + 1];
  const rows = await run(db, LIST_SQL, values);
  const incidents = rows.slice(0, limit).map((row) => incidentOf(row["incident"]));
  const last = rows[limit - 1];
  const nextCursor =
    rows.length <= limit || last === undefined
      ? null
      : Buffer.from(`${textOf(last, "opened_at")} ${textOf(last, "id")}`).toString("base64url");
  return { incidents, nextCursor };
}

/** Filters come before the union, so that each side can use its index. */
const AFTER = "($4::timestamptz is null or (opened_at, id) < ($4::timestamptz, $5::text))";
const LIST_SQL = `
select id, (extract(epoch from opened_at) * 1000000)::int8::text as opened_at, incident from (
  (select id, opened_at, ${incidentSql("i")} as incident from (
    select *, 'inc_' || fingerprint || '-' || epoch as id from incidents where state = 'open') i
   where ($3::text is null or $3 = 'open') and ($1::text is null or project = $1)
     and ($2::text is null or service = $2) and ${AFTER}
   order by opened_at desc, id desc limit $6)
  union all
  (select id, opened_at, incident from incident_history
   where ($3::text is null or $3 = 'resolved') and ($1::text is null or project = $1)
     and ($2::text is null or service = $2) and ${AFTER}
   order by opened_at desc, id desc limit $6)
) found order by opened_at desc, id desc limit $6`;

/** An incident with what was and is being sent about it; null when there is none of this id. */
export async function getIncident(
  db: Executor,
  incidentId: string,
): Promise<{ incident: Incident; deliveries: DeliveryRecord[] } | null> {
  const named = parseIncidentId(incidentId);
  if (named === null) return null;
  const [row] = await run(db, GET_SQL, [named.fingerprint, named.epoch]);
  if (row === undefined) return null;
  const deliveries = await deliveriesOf(db, [named]);
  return { incident: incidentOf(row["incident"]), deliveries: deliveries.get(incidentId) ?? [] };
}

const GET_SQL = `
select incident from incident_history where fingerprint = $1 and epoch = $2
union all
select ${incidentSql("i")} from incidents i
where i.fingerprint = $1 and i.epoch = $2 and i.state = 'open' limit 1`;

function positionOf(cursor: string): [openedAt: string, id: string] {
  const [micros = "", id = ""] = Buffer.from(cursor, "base64url").toString().split(" ");
  if (!/^[0-9]{1,17}$/.test(micros) || parseIncidentId(id) === null) {
    throw new TracerError("INPUT_INVALID", "The cursor is not one that this API gave out.");
  }
  const seconds = new Date(Math.floor(Number(micros) / 1_000_000) * 1_000).toISOString();
  return [seconds.replace(/\.\d+Z$/, `.${micros.slice(-6).padStart(6, "0")}Z`), id];
}
