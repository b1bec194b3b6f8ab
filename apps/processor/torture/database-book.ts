import { type Pool, serverTimeMs } from "@tracer/store";

/** One epoch of an incident as the database has it. */
export interface StoredIncident {
  readonly fingerprint: string;
  readonly epoch: number;
  readonly state: "open" | "resolved";
}

/** One change on its way to one channel. */
export interface StoredDelivery {
  readonly id: string;
  readonly fingerprint: string;
  readonly epoch: number;
  readonly seq: number;
  readonly channel: string;
  readonly action: string;
  readonly state: string;
  /** The message that tells of it together with others. */
  readonly digest: string | null;
  /** Oldest first. */
  readonly attempts: readonly StoredAttempt[];
}

export interface StoredAttempt {
  /** Null: how it ended is not known. */
  readonly outcome: string | null;
  /** In ms by the driver's clock. */
  readonly startedMs: number;
}

/** The third book. */
export interface DatabaseBook {
  readonly incidents: readonly StoredIncident[];
  readonly deliveries: readonly StoredDelivery[];
}

export async function readDatabaseBook(pool: Pool): Promise<DatabaseBook> {
  const aheadMs = (await serverTimeMs(pool)) - Date.now();
  const incidents = await pool.query<StoredIncident>(`
    select fingerprint, epoch, state from incidents
    union all
    select fingerprint, epoch, 'resolved' from incident_history h
    where not exists (select from incidents i where i.fingerprint = h.fingerprint and i.epoch = h.epoch)
    order by 1, 2`);
  const deliveries = await pool.query<StoredDelivery>(
    `select o.id::text, fingerprint, epoch, seq, channel, action, state, digest::text,
      array(select jsonb_build_object('outcome', a.outcome,
          'startedMs', extract(epoch from a.started_at) * 1000 - $1::float8)
        from delivery_attempts a where a.delivery_id = o.id order by a.id) as attempts
    from outbox o order by o.id`,
    [aheadMs],
  );
  return { incidents: incidents.rows, deliveries: deliveries.rows };
}

/** Deliveries that somebody still has to send. */
export async function undoneCount(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ undone: number }>(
    "select count(*)::int as undone from outbox where state in ('pending', 'leased')",
  );
  return rows[0]?.undone ?? 0;
}
