import { aliveSql, watchfulSql } from "./processors.ts";

/**
 * SQL: row `o` of outbox was leased after its time, for a last try that nobody has settled. It is not leased
 * again, and the sweep makes it a dead letter when that lease is over.
 */
export const LAST_TRIED_SQL = "(o.state = 'leased' and o.leased_at >= o.give_up_at)";

/** SQL: a row of outbox `o` may be leased by processor $1, whose word on who is dead takes $4 seconds. */
export const CLAIMABLE_SQL = `not ${LAST_TRIED_SQL}
      and (o.state = 'pending' and o.due_at <= statement_timestamp()
      or o.state = 'leased' and o.leased_by = $1 and o.due_at <= statement_timestamp()
      or o.state = 'leased' and o.leased_by <> $1 and ${watchfulSql("$1", "$4::float8")}
        and (o.due_at <= statement_timestamp()
          or o.leased_at < statement_timestamp() - make_interval(secs => $4::float8)
            and not ${aliveSql("o.leased_by", "$4::float8")}))`;

/**
 * SQL: nothing of the same incident and channel is in flight, or waits before row `o`. The channels are compared so that
 * no index by channel can be used: with statistics from before a storm it would be read whole for each row.
 */
export const FIRST_SQL = `not exists (select from outbox other
      where other.fingerprint = o.fingerprint and other.channel || '' = o.channel and other.id <> o.id
        and (other.state = 'leased' or (other.state = 'pending'
          and (other.epoch, other.seq) < (o.epoch, o.seq))))`;
