import assert from "node:assert/strict";
import { type Executor, type Row, run } from "./executor.ts";
import { DEAD_AFTER_SECONDS } from "./processors.ts";
import { asRow, booleanOf, listOf, numberOf, numberOrNull, textOf } from "./row.ts";

/** Cells in one flush. */
export const STEP_COUNTS_MAX = 20_000;
/** Flushes of one processor in one read. */
const FLUSHES_READ_MAX = 4;

/** What a processor received of one service in one step, since its last flush. Times are event times. */
export interface StepCount {
  readonly project: string;
  readonly environment: string;
  readonly service: string;
  /** Event time in ms of the newest record; it says which step it is. */
  readonly newestMs: number;
  readonly records: number;
  /** Those of level error or fatal among them. */
  readonly errors: number;
}

export interface FlushStepCountsOptions {
  readonly processorId: string;
  /** 1, 2, 3 … of this processor. A number left out says that counts were lost. */
  readonly flush: number;
  /** At most STEP_COUNTS_MAX; may be empty, which says that there is nothing. */
  readonly counts: readonly StepCount[];
}

/**
 * Writes what a processor counted, for the others. A flush whose end is unknown is tried again with the
 * same number and the same counts, and counts once.
 */
export async function flushStepCounts(
  db: Executor,
  { processorId, flush, counts }: FlushStepCountsOptions,
): Promise<void> {
  assert(counts.length <= STEP_COUNTS_MAX);
  const cells = counts.map(({ project, environment, service, newestMs, records, errors }) => [
    ...[project, environment, service],
    ...[newestMs, records, errors],
  ]);
  await run(db, FLUSH_SQL, [processorId, flush, JSON.stringify(cells)]);
}

const FLUSH_SQL = `
insert into step_counts (processor_id, flush, flushed_at, counts)
values ($1, $2, clock_timestamp(), $3)
on conflict (processor_id, flush) do nothing`;

export interface StepFlush {
  readonly flush: number;
  readonly counts: readonly StepCount[];
}

/** Another processor that lives. */
export interface Peer {
  readonly processorId: string;
  /** Its newest flush, and its age by the database's clock; 0 and null when there is none. */
  readonly newestFlush: number;
  readonly flushAgeMs: number | null;
  /** Those after the cursor, in order; none of a peer without a cursor. */
  readonly flushes: readonly StepFlush[];
  /** There are more: ask again. */
  readonly hasMore: boolean;
}

export interface ReadStepCountsOptions {
  /** Of the reader: its own are left out. */
  readonly processorId: string;
  /** The last flush that was read, by processor. */
  readonly cursors: ReadonlyMap<string, number>;
}

/** Every other processor with a heartbeat in the last 5 s, and what it has flushed since it was last read. */
export async function readStepCounts(
  db: Executor,
  { processorId, cursors }: ReadStepCountsOptions,
): Promise<Peer[]> {
  const read = [...cursors.keys()];
  const rows = await run(db, READ_SQL, [processorId, read, [...cursors.values()]]);
  return rows.map(peerOf);
}

const READ_SQL = `
select p.id, coalesce(newest.flush, 0) as newest_flush, newest.age_ms,
  coalesce(unread.flushes, '[]') as flushes,
  coalesce(unread.last < newest.flush, false) as has_more
from processors p
left join unnest($2::text[], $3::bigint[]) as cursor (id, flush) on cursor.id = p.id
left join lateral (
  select c.flush, extract(epoch from clock_timestamp() - c.flushed_at) * 1000 as age_ms
  from step_counts c where c.processor_id = p.id order by c.flush desc limit 1) newest on true
left join lateral (
  select max(each.flush) as last,
    jsonb_agg(jsonb_build_object('flush', each.flush, 'counts', each.counts) order by each.flush) as flushes
  from (
    select c.flush, c.counts from step_counts c
    where c.processor_id = p.id and c.flush > cursor.flush
    order by c.flush limit ${FLUSHES_READ_MAX}) each) unread on true
where p.id <> $1
  and p.heartbeat_at >= statement_timestamp() - make_interval(secs => ${DEAD_AFTER_SECONDS})
order by p.id`;

function peerOf(row: Row): Peer {
  return {
    processorId: textOf(row, "id"),
    newestFlush: numberOf(row, "newest_flush"),
    flushAgeMs: numberOrNull(row, "age_ms"),
    flushes: listOf(row, "flushes").map((value) => {
      const flush = asRow(value, "flush");
      return { flush: numberOf(flush, "flush"), counts: listOf(flush, "counts").map(countOf) };
    }),
    hasMore: booleanOf(row, "has_more"),
  };
}

function countOf(cell: unknown): StepCount {
  assert(Array.isArray(cell));
  const [project, environment, service, newestMs, records, errors]: unknown[] = cell;
  assert(typeof project === "string" && typeof environment === "string");
  assert(typeof service === "string" && typeof newestMs === "number");
  assert(typeof records === "number" && typeof errors === "number");
  return { project, environment, service, newestMs, records, errors };
}
