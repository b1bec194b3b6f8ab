import type { RecordBatch } from "./batch.ts";
import type { DecodeContext, DecodeReport } from "./sink.ts";

/** Why nothing of a body was taken. */
export interface DecodeFatal {
  readonly code: "BODY_EMPTY" | "BODY_NOT_LOGS" | "BODY_CUT_OFF" | "RECORDS_ALL_INVALID";
  readonly message: string;
  /** Byte of the body at which it shows. */
  readonly offset: number;
}

/** One body on its way into batches, whatever its protocol. */
export interface BodyDecoder {
  /**
   * Decodes about `bytesMax` more bytes (at least 1; it overshoots by at most the record in hand, so by
   * `RECORD_BYTES_MAX`). Rows are handed to `onBatch` before it returns. True when all is decoded.
   */
  advance(bytesMax: number): boolean;
  /** Counts so far; final when done. */
  readonly report: DecodeReport;
  /**
   * Once done: set when no record was taken and the sender must be told so, else null. Protocols in which a body
   * without records is fine leave it null for those.
   */
  readonly fatal: DecodeFatal | null;
  /**
   * The bytes that the offsets of the rows are into: the body itself, or what was made of it. Asked for anew
   * after each batch; offsets of earlier batches stay good in it.
   */
  readonly text: Uint8Array;
}

/** Makes the decoder of a body. Pure: nothing happens before `advance`. */
export type CreateDecoder = (
  bytes: Uint8Array,
  context: DecodeContext,
  onBatch: (batch: RecordBatch) => void,
) => BodyDecoder;
