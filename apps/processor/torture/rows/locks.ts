import { setTimeout as pause } from "node:timers/promises";
import { clear, openPool, type Pool, sight } from "@tracer/store";
import { aSighting } from "@tracer/testkit";
import { fingerprintOfService, keyOf } from "../keys.ts";
import type { Row, RowContext } from "../row.ts";
import { answerCounts, servicesOf, sightAndWait, signalOf } from "../signals.ts";
import type { WorkerProcess } from "../worker-process.ts";
import { AnsweringTracer } from "./answering.ts";

/** An order to a worker stands for a request to a processor: it is taken at once, whatever the database does. */
const TAKEN_MS_MAX = 1_000;
const LOCK_MS = 5_000;
const LOCKS_AT_ONCE = 5;
const HOG_MS = 3_000;
const ACKNOWLEDGED_MS_MAX = 60_000;
const BATCH_KEYS = 20;

/** Somebody holds the row of an incident. */
export const rowLock: Row = {
  name: "row-lock",
  text:
    "row lock held 5 s; processors keep taking signals, a whole Tracer whose incident is locked keeps answering those " +
    "who send records, nothing is lost",
  fullSize: 50,
  sliceSize: 2,
  unit: "locks",
  run: async (context) => {
    const workers = await Promise.all([context.spawn(), context.spawn()]);
    const problems: string[] = [];
    const slowest = { ms: 0 };
    let begun = 0;
    let done = 0;
    const lane = async () => {
      while (context.goOn(begun)) {
        begun += 1;
        const worker = workers[begun % workers.length] ?? workers[0];
        problems.push(...(await lockOne(context, { worker, name: `lock-${begun}`, slowest })));
        done += 1;
        context.progress(done);
      }
    };
    const asking = keepAsking(context, LOCK_ROWS, {
      ms: LOCK_MS,
      goesOn: () => context.goOn(begun),
    });
    await Promise.all(Array.from({ length: LOCKS_AT_ONCE }, lane));
    const asked = await asking;
    return {
      done,
      figures: { "slowest order ms": Math.round(slowest.ms), ...asked.figures },
      problems: [...problems, ...asked.problems],
      epochsOf: () => 1,
    };
  },
};

const LOCK_ROWS = "select from incidents where state = 'open' for update";
/** Everything that it asks for hangs, until all of its connections do. */
const LOCK_TABLES = "lock table incidents, outbox, processors, leases in access exclusive mode";

interface Asking {
  readonly ms: number;
  readonly goesOn: () => boolean;
}

/** Locks what a whole Tracer needs, again and again. The slice has a test of its own for that, of outages. */
async function keepAsking(context: RowContext, sql: string, { ms, goesOn }: Asking) {
  const problems: string[] = [];
  if (context.isSlice) return { problems, figures: {} };
  await using tracer = await AnsweringTracer.start(context);
  do problems.push(...(await tracer.whileLocked(sql, ms)));
  while (goesOn());
  return { problems, figures: { "answers of ingest meanwhile": tracer.answers } };
}

interface Order {
  readonly worker: WorkerProcess;
  readonly name: string;
  readonly slowest: { ms: number };
}

async function lockOne(context: RowContext, { worker, name, slowest }: Order): Promise<string[]> {
  const { pool } = context;
  const [locked = "", free = ""] = servicesOf(name, 0, 2);
  const problems = (await sightAndWait(context, worker, [signalOf(locked)]))
    ? []
    : [`${name}: not acknowledged before the lock`];
  const client = await pool.connect();
  try {
    await client.query("begin");
    const select = "select from incidents where fingerprint = $1 for update";
    await client.query(select, [fingerprintOfService(locked)]);
    const signals = [signalOf(locked, { severity: "critical" }), signalOf(free)];
    const waiting = sightTimed(context, { worker, name, slowest }, signals);
    await pause(LOCK_MS);
    await client.query("commit");
    problems.push(...(await waiting));
  } finally {
    client.release();
  }
  return problems;
}

/** Orders a sighting, and waits for the answer however long the order took. */
async function sightTimed(
  context: RowContext,
  { worker, name, slowest }: Order,
  signals: Parameters<typeof sightAndWait>[2],
): Promise<string[]> {
  const services = signals.map(({ service }) => service);
  const before = answerCounts(context, services);
  const ms = await worker.tell({ do: "sight", signals: [...signals], atMs: null });
  slowest.ms = Math.max(slowest.ms, ms ?? 0);
  const slow = ms === null || ms > TAKEN_MS_MAX ? [`${name}: the order was taken in ${ms} ms`] : [];
  const all = () =>
    answerCounts(context, services).every((count, index) => count > (before[index] ?? 0));
  const answered = await context.until(all, ACKNOWLEDGED_MS_MAX);
  return answered ? slow : [...slow, `${name}: not acknowledged`];
}

/** All connections of a processor are in other hands. */
export const poolExhausted: Row = {
  name: "pool-exhausted",
  text:
    "all connections of a processor taken for 3 s; it keeps taking signals, a whole Tracer all of whose statements hang " +
    "keeps answering those who send records, nothing is lost",
  fullSize: 20,
  sliceSize: 1,
  unit: "times",
  run: async (context) => {
    const worker = await context.spawn();
    const problems: string[] = [];
    const slowest = { ms: 0 };
    let done = 0;
    const goesOn = () => context.goOn(done);
    const asking = keepAsking(context, LOCK_TABLES, { ms: HOG_MS, goesOn });
    while (goesOn()) {
      const name = `pool-${done}`;
      await worker.tell({ do: "hog", ms: HOG_MS });
      const signals = servicesOf(name, 0, BATCH_KEYS).map((service) => signalOf(service));
      problems.push(...(await sightTimed(context, { worker, name, slowest }, signals)));
      done += 1;
      context.progress(done);
    }
    const asked = await asking;
    return {
      done,
      figures: { "slowest order ms": Math.round(slowest.ms), ...asked.figures },
      problems: [...problems, ...asked.problems],
      epochsOf: () => 1,
    };
  },
};

/** Several write the same keys in one statement each, named in opposite order. */
export const oppositeBatches: Row = {
  name: "opposite-batches",
  text: "batches of the same keys in opposite order, sighted by two and cleared by a third at once; 0 deadlocks",
  fullSize: 1_000,
  sliceSize: 60,
  unit: "batches",
  run: async (context) => {
    await context.spawn();
    const { connectionString, goOn, progress } = context;
    const pool = openPool({ connectionString, connectionsMax: 3, patient: true });
    let done = 0;
    try {
      while (goOn(done)) {
        // Old keys and new ones: both an update and an insert take locks.
        const services = servicesOf("batch", done, done + BATCH_KEYS);
        await clash(context, pool, services);
        done += 1;
        progress(done);
      }
    } finally {
      await pool.end();
    }
    const deadlocks = await deadlockCount(context);
    const problems = deadlocks === 0 ? [] : [`${deadlocks} deadlocks`];
    return { done, figures: { deadlocks }, problems, epochsOf: () => 1 };
  },
};

async function clash(
  { ledger, sink, times }: RowContext,
  pool: Pool,
  services: readonly string[],
): Promise<void> {
  // Quiet for long, so that nothing ends: what is cleared is seen again.
  const options = { ...times, channels: sink.channels.map(({ name }) => name) };
  const sightAll = async (inOrder: readonly string[]) => {
    const sightings = inOrder.map((service) => ({ ...aSighting(), key: keyOf(service) }));
    for (const result of await sight(pool, sightings, options)) ledger.sighted(result);
  };
  await Promise.all([
    sightAll(services),
    sightAll(services.toReversed()),
    clear(pool, services.toReversed().map(keyOf), { clearSeconds: 3_600 }),
  ]);
}

/** Counted by the server, also those that a second try has hidden. */
async function deadlockCount({ pool }: RowContext): Promise<number> {
  const { rows } = await pool.query<{ deadlocks: number }>(
    "select deadlocks::int from pg_stat_database where datname = current_database()",
  );
  return rows[0]?.deadlocks ?? 0;
}
