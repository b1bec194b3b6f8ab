/*
 * The memory of the scanner: fixed places, never grown. Numbers that pass between it and JavaScript lie in `control`,
 * and the columns in the same types as those of `RecordBatch`.
 */

/** Bytes of a body that are scanned in one call. */
export const CHUNK_BYTES: i32 = 262144;
/** Rows that one call can write. */
export const ROWS_MAX: i32 = 4096;
/** Int32 fields of an ask; see `ask.ts`. */
export const ASK_FIELDS: i32 = 12;
/** Objects inside each other that are followed; a deeper record is declined. */
export const DEPTH_MAX: i32 = 62;
/** Names that are remembered with their slots. */
export const NAMES_MAX: i32 = 4096;
/** Longest service and environment together that are remembered. */
export const NAME_TEXT_BYTES_MAX: i32 = 44;
/** Keys with what surrounds them that are remembered. */
export const SEGMENTS_MAX: i32 = 256;

/** Reads may run this far past the bytes that they are about. */
const SLACK: i32 = 64;

export const control: usize = memory.data(256, 16);
export const chunk: usize = memory.data(CHUNK_BYTES + SLACK, 64);
/** Names that count where a record has none: the service, then the environment. */
export const defaults: usize = memory.data(256 + SLACK, 16);
/** By alias: where its value is and of which kind, packed by `pack`. */
export const fields: usize = memory.data(64 * 8, 16);
/** By depth: what is to be noted when the object ends. */
export const stack: usize = memory.data((DEPTH_MAX + 2) * 16, 16);
export const nesting: usize = memory.data(DEPTH_MAX + 2, 16);

/** Words: first entries by bucket, then entries of 32 bytes (letters 24, length, group, value 2, next 2). */
export const wordHeads: usize = memory.data(512 * 2, 16);
export const words: usize = memory.data(256 * 32, 16);

/** Segments: text 48, then its length, its context, its meaning and the entry that came next. */
export const segments: usize = memory.data((SEGMENTS_MAX + 1) * 64, 64);
/** Names: slot, project, generation, stamp, lengths 2 + 2, text 44. */
export const names: usize = memory.data(NAMES_MAX * 64, 64);

export const timestampMs: usize = memory.data(ROWS_MAX * 8, 16);
export const latencyMs: usize = memory.data(ROWS_MAX * 8, 16);
export const slot: usize = memory.data(ROWS_MAX * 4, 16);
export const recordStart: usize = memory.data(ROWS_MAX * 4, 16);
export const recordEnd: usize = memory.data(ROWS_MAX * 4, 16);
export const messageStart: usize = memory.data(ROWS_MAX * 4, 16);
export const messageEnd: usize = memory.data(ROWS_MAX * 4, 16);
export const level: usize = memory.data(ROWS_MAX, 16);
export const flags: usize = memory.data(ROWS_MAX, 16);
export const asks: usize = memory.data(ROWS_MAX * ASK_FIELDS * 4, 16);

/** What a field's value is; as `ValueKind`, 0 for null. */
export const KIND_STRING: i32 = 1;
export const KIND_ESCAPED: i32 = 2;
export const KIND_NUMBER: i32 = 3;
export const KIND_NESTED: i32 = 5;
