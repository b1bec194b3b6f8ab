import type { Pool } from "@tracer/store";
import type { CompareOptions } from "./books.ts";
import type { Ledger } from "./ledger.ts";
import type { Times, WorkerSetup } from "./protocol.ts";
import type { Sink, SinkOptions } from "./sink.ts";
import type { WorkerProcess } from "./worker-process.ts";

/**
 * A row of the fault matrix. To add one: a file in `rows/` that exports a Row, and a line in `rows/index.ts`.
 *
 * `run` does harm to worker processes (`context.spawn`), the sink or the database, in rounds while
 * `context.goOn(done)` says so, and tells in `context.progress(done)` how far it is. It returns when it has done
 * its harm and at least one worker that sends is alive. Then the runner waits until nothing is left to be
 * sent, and compares the three books: what was acknowledged (`context.ledger`, filled by what workers say),
 * what the sink got (`context.sink`) and the database. What only this row knows, it checks itself and tells
 * in `problems`; what it measured, in `figures`.
 */
export interface Row {
  /** Of --row. */
  readonly name: string;
  /** What is done, and what must hold; one line of the report. */
  readonly text: string;
  /** Of `pnpm torture`, and of `pnpm test`; 0: it is no part of that. */
  readonly fullSize: number;
  readonly sliceSize: number;
  /** What size counts, in the plural. */
  readonly unit: string;
  /** About what the full size takes with other rows beside it on two cores: the longest begin first. Default 1. */
  readonly fullMinutes?: number;
  readonly sink?: SinkOptions;
  /** Differs from what all rows have. */
  readonly times?: Partial<Times>;
  /** True: it moves the instants in the database, so that they cannot be compared with the sink's. */
  readonly movesTime?: boolean;
  readonly run: (context: RowContext) => Promise<RowOutcome>;
}

export interface RowContext {
  /** Of a database, or a schema, that this row has for itself. */
  readonly connectionString: string;
  readonly pool: Pool;
  readonly sink: Sink;
  readonly ledger: Ledger;
  readonly times: Times;
  /** In [0, 1), from the seed. */
  readonly random: () => number;
  readonly size: number;
  /** True in `pnpm test`: few workers, short pauses. */
  readonly isSlice: boolean;
  /** False once `done` has reached the size, the time is up, or the run is being stopped. */
  readonly goOn: (done: number) => boolean;
  readonly progress: (done: number) => void;
  /** Starts a worker on this row's database and sink; it is stopped after the comparison. */
  readonly spawn: (changes?: Partial<WorkerSetup>) => Promise<WorkerProcess>;
  /** Lives until the books were compared, and is disposed of then, the last one first. */
  readonly keep: <Thing extends AsyncDisposable>(thing: Thing) => Thing;
  /** The row has brought a database of its own: the third book is read there. It must be up then. */
  readonly useDatabase: (connectionString: string) => void;
  /** Waits until it holds, which is looked at many times a second; false when it did not in `ms`. */
  readonly until: (holds: () => boolean | Promise<boolean>, ms: number) => Promise<boolean>;
  /** Waits until nothing is left to be sent; false when it does not get less for `ms`, default two leases and a minute. */
  readonly drained: (ms?: number) => Promise<boolean>;
}

export interface RowOutcome extends CompareOptions {
  readonly done: number;
  /** Further figures for the report. Summed when a run is resumed, but for "…ms", "most …" and "… at the most". */
  readonly figures?: Readonly<Record<string, number>>;
  /** What did not hold beyond the books; empty: all did. */
  readonly problems?: readonly string[];
}
