import { LevelIndex, stepStartOf } from "@tracer/core";
import { type RecordBatch, RecordFlag } from "./batch.ts";
import { clipEnd, textOf, unescapedTextOf } from "./text.ts";

/** Bytes of a line that are kept. */
export const EXEMPLAR_BYTES_MAX = 2048;
/** Lines kept per slot, and taken per slot in a step, each for errors and for warnings. */
export const EXEMPLARS_PER_SLOT_MAX = 5;
/** Lines that one call of `collect` takes: what a flood over many services costs at most. */
export const EXEMPLARS_PER_BATCH_MAX = 256;

const BYTES_MAX = 16 * 1024 * 1024;
/** What a kept line costs beside its text. */
const LINE_OVERHEAD_BYTES = 96;

/** A line that an alert may show. Neither redacted nor escaped. */
export interface Exemplar {
  readonly timestampMs: number;
  /** Index into core's LEVELS. */
  readonly level: number;
  /** The message, or the record's own JSON when it names none; at most `EXEMPLAR_BYTES_MAX` bytes of it. */
  readonly text: string;
}

interface Ring {
  /** Newest step from which lines were taken, and how many of each kind. */
  stepStartMs: number;
  errorsTaken: number;
  warnsTaken: number;
  bytes: number;
  errors: Exemplar[];
  warns: Exemplar[];
}

/**
 * The newest error and fatal lines of each slot, and its newest warnings for when there are none. A line
 * becomes a string only when it is kept: at most `EXEMPLARS_PER_SLOT_MAX` per slot and step, and steps
 * only go forward, so a flood of errors costs a comparison a record. Beyond `bytesMax` the slots whose
 * lines were added longest ago lose theirs.
 */
export class ExemplarRings {
  readonly bytesMax: number;
  /** Bytes held now, as estimated. */
  bytes = 0;
  readonly #rings = new Map<number, Ring>(); // In the order of their newest line.

  constructor({ bytesMax = BYTES_MAX }: { bytesMax?: number } = {}) {
    this.bytesMax = bytesMax;
  }

  /** Keeps what is worth keeping of a batch; `bytes` is the body that its offsets are into. */
  collect(batch: RecordBatch, bytes: Uint8Array): void {
    let left = EXEMPLARS_PER_BATCH_MAX;
    const { level, slot, timestampMs } = batch;
    for (let row = 0; row < batch.length && left > 0; row += 1) {
      if ((level[row] ?? 0) < LevelIndex.warn) continue;
      const ring = this.#admit(slot[row] ?? 0, timestampMs[row] ?? 0, level[row] ?? 0);
      if (ring === null) continue;
      left -= 1;
      this.#keep(slot[row] ?? 0, ring, exemplarOf(batch, row, bytes));
    }
  }

  /** Lines of a slot from `sinceMs` on, newest first: errors, or warnings when there is no error. */
  take(slot: number, sinceMs: number): Exemplar[] {
    const ring = this.#rings.get(slot);
    if (ring === undefined) return [];
    const recent = (lines: Exemplar[]) => lines.filter((line) => line.timestampMs >= sinceMs);
    const errors = recent(ring.errors);
    const lines = errors.length > 0 ? errors : recent(ring.warns);
    return lines.reverse().sort((a, b) => b.timestampMs - a.timestampMs);
  }

  /** Forgets a slot. Call it when the directory releases the slot, or the next series would inherit its lines. */
  release(slot: number): void {
    this.bytes -= this.#rings.get(slot)?.bytes ?? 0;
    this.#rings.delete(slot);
  }

  /** The slot's ring when a line of this step and level may still be taken, else null. */
  #admit(slot: number, timestampMs: number, level: number): Ring | null {
    let ring = this.#rings.get(slot);
    if (ring === undefined) {
      ring = {
        stepStartMs: Number.NEGATIVE_INFINITY,
        errorsTaken: 0,
        warnsTaken: 0,
        bytes: 0,
        errors: [],
        warns: [],
      };
    }
    if (timestampMs >= ring.stepStartMs + 10_000) {
      ring.stepStartMs = stepStartOf(timestampMs);
      ring.errorsTaken = 0;
      ring.warnsTaken = 0;
    }
    const isError = level > LevelIndex.warn;
    const taken = isError ? ring.errorsTaken : ring.warnsTaken;
    if (taken >= EXEMPLARS_PER_SLOT_MAX) return null;
    if (isError) ring.errorsTaken += 1;
    else ring.warnsTaken += 1;
    return ring;
  }

  #keep(slot: number, ring: Ring, line: Exemplar): void {
    const lines = line.level > LevelIndex.warn ? ring.errors : ring.warns;
    let change = costOf(line);
    lines.push(line);
    if (lines.length > EXEMPLARS_PER_SLOT_MAX) {
      const dropped = lines.shift();
      if (dropped !== undefined) change -= costOf(dropped);
    }
    ring.bytes += change;
    this.bytes += change;
    this.#rings.delete(slot); // Behind all others again: the first in the map is the longest untouched.
    this.#rings.set(slot, ring);
    for (const oldest of this.#rings.keys()) {
      if (this.bytes <= this.bytesMax) break;
      this.release(oldest);
    }
  }
}

/** A row's message, its beginning of EXEMPLAR_BYTES_MAX bytes; null when the record names none. */
export function messageOf(batch: RecordBatch, row: number, bytes: Uint8Array): string | null {
  if (((batch.flags[row] ?? 0) & RecordFlag.messageMissing) !== 0) return null;
  return messageText(
    {
      start: batch.messageStart[row] ?? 0,
      end: batch.messageEnd[row] ?? 0,
      flags: batch.flags[row] ?? 0,
    },
    bytes,
  );
}

/** Where a message lies in a body: `messageStart`, `messageEnd` and `flags` of a row. */
export interface MessageRange {
  readonly start: number;
  readonly end: number;
  readonly flags: number;
}

/** The text of a message, its beginning of EXEMPLAR_BYTES_MAX bytes. */
export function messageText({ start, end, flags }: MessageRange, bytes: Uint8Array): string {
  const escaped = (flags & RecordFlag.messageEscaped) !== 0;
  const cut = clipEnd(bytes, start, end, EXEMPLAR_BYTES_MAX, escaped);
  return escaped ? unescapedTextOf(bytes, start, cut) : textOf(bytes, start, cut);
}

function exemplarOf(batch: RecordBatch, row: number, bytes: Uint8Array): Exemplar {
  const start = batch.messageStart[row] ?? 0;
  const text = messageText(
    { start, end: batch.messageEnd[row] ?? 0, flags: batch.flags[row] ?? 0 },
    bytes,
  );
  return { timestampMs: batch.timestampMs[row] ?? 0, level: batch.level[row] ?? 0, text };
}

function costOf(line: Exemplar): number {
  return LINE_OVERHEAD_BYTES + line.text.length * 2;
}
