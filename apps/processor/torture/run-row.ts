import { setTimeout as pause } from "node:timers/promises";
import { openPool, type Pool } from "@tracer/store";
import { compareBooks, type Findings, isClean } from "./books.ts";
import { readDatabaseBook, undoneCount } from "./database-book.ts";
import { Ledger } from "./ledger.ts";
import type { Place, Scratch } from "./places.ts";
import type { Times, WorkerSetup } from "./protocol.ts";
import { seeded } from "./random.ts";
import type { Row, RowContext } from "./row.ts";
import { type Sink, startSink } from "./sink.ts";
import { startWorker } from "./worker-process.ts";

export interface RunRowOptions {
  readonly place: Pick<Place, "create">;
  readonly times: Times;
  readonly seed: number;
  readonly size: number;
  readonly isSlice: boolean;
  /** From when its workers are ready; a round that has begun is finished. Null: as long as it takes. */
  readonly forMs: number | null;
  readonly stop: AbortSignal;
  readonly onProgress: (done: number) => void;
}

export interface RowResult {
  readonly name: string;
  readonly done: number;
  readonly findings: Findings;
  readonly figures: Readonly<Record<string, number>>;
  readonly problems: readonly string[];
  readonly seconds: number;
  readonly ok: boolean;
}

const LOOK_MS = 25;
/** No row is told in a digest, unless its own times say so. */
const NO_DIGEST = 1_000_000_000;
const DRIVER_CONNECTIONS_MAX = 20;
const CONNECTIONS_PER_WORKER_MAX = 6;

/** Times of the product, and of `pnpm test`: a lease of 2 s, and sends that end within half of it. */
export const FULL_TIMES: Times = {
  ...{
    leaseSeconds: 30,
    digestDueMin: NO_DIGEST,
    holdSeconds: 8,
    quietSeconds: 300,
    repeatSeconds: 14_400,
  },
  ...{ clearSeconds: 2, requestMs: 10_000, lookupMs: 4_000, sendMs: 15_000, settleMs: 2_000 },
};
export const SLICE_TIMES: Times = {
  ...{
    leaseSeconds: 2,
    digestDueMin: NO_DIGEST,
    holdSeconds: 1,
    quietSeconds: 300,
    repeatSeconds: 14_400,
  },
  ...{ clearSeconds: 1, requestMs: 800, lookupMs: 500, sendMs: 950, settleMs: 200 },
};

/** Runs one row on a database and a sink of its own, and compares the three books. */
export async function runRow(row: Row, options: RunRowOptions): Promise<RowResult> {
  const startedMs = performance.now();
  await using scratch = await options.place.create();
  await using sink = await startSink(row.sink);
  const { connectionString } = scratch;
  const pool = openPool({
    connectionString,
    connectionsMax: DRIVER_CONNECTIONS_MAX,
    patient: true,
  });
  await using closing = new AsyncDisposableStack();
  closing.defer(() => pool.end());
  const ledger = new Ledger();
  await using workers = new AsyncDisposableStack();
  const parts = { ...options, scratch, pool, sink, ledger, workers, bookPool: pool };
  const context = contextOf(row, parts);
  const { done, figures = {}, problems = [], ...expected } = await row.run(context);
  const undone = (await context.drained()) ? [] : ["not all was sent in time"];
  const books = { ledger, effects: sink.effects, database: await readDatabaseBook(parts.bookPool) };
  const settling = row.movesTime === true ? {} : { settleMs: context.times.settleMs };
  const findings = compareBooks(books, { ...settling, ...expected });
  const nothing = findings.incidents === 0 || done === 0 ? ["nothing was looked at"] : [];
  const wrong = [...problems, ...undone, ...nothing];
  const ok = wrong.length === 0 && isClean(findings);
  const seconds = (performance.now() - startedMs) / 1e3;
  // What workers complained of explains a failure, and is to be expected otherwise.
  const said = ok ? [] : ledger.failures.slice(0, 10);
  return {
    ...{ name: row.name, done, findings, figures, seconds, ok },
    problems: [...wrong, ...said],
  };
}

/** False when for so long nothing got less: a busy machine is slow, and what is stuck stays. */
async function drainedWithin(ms: number, count: () => Promise<number>): Promise<boolean> {
  let least = Number.POSITIVE_INFINITY;
  let endMs = 0;
  for (;;) {
    const undone = await count();
    if (undone === 0) return true;
    if (undone < least) {
      least = undone;
      endMs = performance.now() + ms;
    }
    if (performance.now() > endMs) return false;
    await pause(LOOK_MS);
  }
}

interface Parts extends RunRowOptions {
  readonly scratch: Scratch;
  /** The driver's own, for looking and for holding locks. */
  readonly pool: Pool;
  readonly sink: Sink;
  readonly ledger: Ledger;
  /** And what else the row keeps until the end. */
  readonly workers: AsyncDisposableStack;
  /** On the database that the third book is read from. */
  bookPool: Pool;
}

function contextOf(row: Row, parts: Parts): RowContext {
  const { scratch, pool, sink, ledger, workers, size, isSlice, forMs, stop } = parts;
  const times = { ...parts.times, ...row.times };
  const { connectionString } = scratch;
  let spawned = 0;
  let deadlineMs: number | null = null;
  const until: RowContext["until"] = async (holds, ms) => {
    const endMs = performance.now() + ms;
    while (!(await holds())) {
      if (performance.now() > endMs) return false;
      await pause(LOOK_MS);
    }
    return true;
  };
  return {
    ...{ connectionString, pool, sink, ledger, times, size, isSlice, until },
    random: seeded(parts.seed),
    goOn: (done) => {
      if (done >= size || stop.aborted) return false;
      if (forMs === null) return true;
      deadlineMs ??= performance.now() + forMs;
      return performance.now() < deadlineMs;
    },
    progress: parts.onProgress,
    spawn: async (changes) => {
      spawned += 1;
      const setup: WorkerSetup = {
        processorId: `${row.name}-${spawned}`,
        ...{ connectionString, connectionsMax: CONNECTIONS_PER_WORKER_MAX },
        ...{ times, channels: [...sink.channels], shards: 1, folder: null },
        ...{ dispatches: true, crash: null },
        clock: { skewMs: 0, stepMs: 0, stepEveryMs: 1_000 },
        ...changes,
      };
      const onReport: Ledger["take"] = (report, processorId) => ledger.take(report, processorId);
      return workers.use(await startWorker({ setup, onReport }));
    },
    drained: (ms = times.leaseSeconds * 2_000 + 60_000) =>
      drainedWithin(ms, () => undoneCount(parts.bookPool)),
    keep: (thing) => workers.use(thing),
    useDatabase: (own) => {
      const bookPool = openPool({ connectionString: own, connectionsMax: 1, patient: true });
      workers.defer(() => bookPool.end());
      parts.bookPool = bookPool;
    },
  };
}
