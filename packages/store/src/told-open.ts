import type { Incident } from "@tracer/core";
import { type Executor, run } from "./executor.ts";
import { incidentOf, incidentSql } from "./incident-json.ts";

export interface ToldOpenOptions {
  readonly channel: string;
  /** At most so many, the newest. */
  readonly limit: number;
}

/** Incidents that are open and that the channel has been told of, or was refused to be: nothing of them waits for it. */
export async function listToldOpen(
  db: Executor,
  { channel, limit }: ToldOpenOptions,
): Promise<Incident[]> {
  const rows = await run(db, LIST_SQL, [channel, limit]);
  return rows.map((row) => incidentOf(row["incident"]));
}

const LIST_SQL = `
select ${incidentSql("i")} as incident from incidents i
where i.state = 'open' and $1 = any(i.channels)
  and not exists (select from outbox o where o.fingerprint = i.fingerprint and o.epoch = i.epoch
    and o.channel || '' = $1 and o.action in ('open', 'escalate') and o.state in ('pending', 'leased'))
order by i.opened_at desc limit $2`;
