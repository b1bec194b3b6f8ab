import { RecordBatch } from "./batch.ts";
import type { SeriesDirectory } from "./directory.ts";
import type { WasmScanner } from "./wasm-scanner.ts";

/** Problems named in a report; those beyond are only counted. */
export const PROBLEMS_MAX = 20;
/** A record dated further ahead of receipt than this counts at receipt time. */
export const FUTURE_MS_MAX = 300_000;

/** What a decoder needs to know that is not in the body. */
export interface DecodeContext {
  readonly directory: Pick<SeriesDirectory, "internBytes">;
  /** From `directory.project(name)`. */
  readonly projectId: number;
  /** Service of records that name none. */
  readonly defaultService: string;
  /** Environment of records that name none. Default `""`. */
  readonly defaultEnvironment?: string;
  /** When the body was received, ms since the epoch. */
  readonly receiptMs: number;
  /** Read the field `count`: a record stands for that many. Default false. */
  readonly readCount?: boolean;
  /**
   * The batch to fill, shared by decoders that take turns: whatever is in it is handed to `onBatch` before
   * `advance` returns. Default: one of its own, no larger than the body needs.
   */
  readonly batch?: RecordBatch;
  /** Scans the usual records faster. One of `directory`. Default: none. */
  readonly scanner?: WasmScanner | null;
}

/** One record that was refused, or one that was counted although something in it could not be read. */
export interface RecordProblem {
  /** Position of the record among those of the body, from 0, good and bad ones alike. */
  readonly index: number;
  /** Key of the field, or null when it is about the record as a whole. */
  readonly field: string | null;
  /** One sentence. Holds nothing of the record's text. */
  readonly reason: string;
}

/** What became of the records of a body. Final when the decoder is done. */
export interface DecodeReport {
  readonly accepted: number;
  readonly rejected: number;
  /** The first `PROBLEMS_MAX` of the rejected. */
  readonly errors: readonly RecordProblem[];
  /** The first `PROBLEMS_MAX` of `warningCount`: accepted, but a field could not be read. */
  readonly warnings: readonly RecordProblem[];
  readonly warningCount: number;
  /** Accepted, but dated more than 5 minutes ahead, and so counted at receipt time. */
  readonly future: number;
}

/** Where records go, whatever the protocol: fills batches, hands them on, keeps the report. */
export class RecordSink implements DecodeReport {
  accepted = 0;
  rejected = 0;
  readonly errors: RecordProblem[] = [];
  readonly warnings: RecordProblem[] = [];
  warningCount = 0;
  future = 0;
  readonly context: DecodeContext;
  readonly #batch: RecordBatch;
  readonly #onBatch: (batch: RecordBatch) => void;

  /** `rowsMax`: rows that the body can hold at most, when that is less than a batch. */
  constructor(context: DecodeContext, onBatch: (batch: RecordBatch) => void, rowsMax: number) {
    this.context = context;
    this.#batch = context.batch ?? new RecordBatch(rowsMax);
    this.#onBatch = onBatch;
  }

  /** Index of the record that is being decoded. */
  get index(): number {
    return this.accepted + this.rejected;
  }

  /** Begins a row: the batch, whose row `length` the caller fills before `commit`. */
  row(): RecordBatch {
    if (this.#batch.length === this.#batch.rowsMax) this.flush();
    return this.#batch;
  }

  commit(): void {
    this.#batch.length += 1;
    this.accepted += 1;
  }

  /** Commits rows that were filled behind the last one; `future` of them were dated too far ahead. */
  commitRows(rows: number, future: number): void {
    this.#batch.length += rows;
    this.accepted += rows;
    this.future += future;
  }

  reject(field: string | null, reason: string): void {
    if (this.errors.length < PROBLEMS_MAX) this.errors.push({ index: this.index, field, reason });
    this.rejected += 1;
  }

  /** About the record that is being decoded, before its `commit`. */
  warn(field: string, reason: string): void {
    if (this.warnings.length < PROBLEMS_MAX) {
      this.warnings.push({ index: this.index, field, reason });
    }
    this.warningCount += 1;
  }

  /** The time that a record counts at, given its own (NaN: none that can be used). */
  countedMs(eventMs: number): number {
    const receiptMs = this.context.receiptMs;
    if (eventMs <= receiptMs + FUTURE_MS_MAX) return eventMs;
    if (eventMs > receiptMs) this.future += 1; // False for NaN.
    return receiptMs;
  }

  flush(): void {
    if (this.#batch.length === 0) return;
    this.#onBatch(this.#batch);
    this.#batch.length = 0;
  }
}
