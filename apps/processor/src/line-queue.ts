import type { Detector, TemplateBook } from "@tracer/detect";
import { type MessageRange, messageText, type RecordBatch, RecordFlag } from "@tracer/ingest";

/** Lines of one body that pass to the templates. */
export const LINES_PER_BODY_MAX = 50_000;
/** Lines learned before other requests and timers get their turn; about a millisecond of work. */
const LINES_PER_TURN = 300;

interface Line extends MessageRange {
  readonly slot: number;
  readonly timestampMs: number;
  readonly level: number;
  readonly count: number;
}

/** Which lines of a body matter to the templates. They are read only once the body is known to be counted. */
export class LineQueue {
  readonly #book: TemplateBook;
  readonly #redact: (line: string) => string;
  readonly #lines: Line[] = [];
  #learned = 0;

  /** `redact`: what may be kept of a line; all of it when it is not given. */
  constructor(book: TemplateBook, redact: (line: string) => string = (line) => line) {
    this.#book = book;
    this.#redact = redact;
  }

  /** Notes where the lines of a batch are that pass. */
  collect(batch: RecordBatch): void {
    const { slot: slots, timestampMs: times, level: levels, flags, count } = batch;
    for (let row = 0; row < batch.length; row += 1) {
      const level = levels[row] ?? 0;
      const slot = slots[row] ?? 0;
      const timestampMs = times[row] ?? 0;
      const weight = this.#book.weigh(slot, timestampMs, level);
      if (weight === 0 || this.#lines.length >= LINES_PER_BODY_MAX) continue;
      if (((flags[row] ?? 0) & RecordFlag.messageMissing) !== 0) continue;
      this.#lines.push({
        ...{ slot, timestampMs, level, count: weight * (count[row] ?? 1) },
        start: batch.messageStart[row] ?? 0,
        end: batch.messageEnd[row] ?? 0,
        flags: flags[row] ?? 0,
      });
    }
  }

  /** Learns some of them; true when that was all. Those of closed steps are late, and change nothing. */
  learn(bytes: Uint8Array, detector: Detector): boolean {
    const end = Math.min(this.#lines.length, this.#learned + LINES_PER_TURN);
    for (; this.#learned < end; this.#learned += 1) {
      const line = this.#lines[this.#learned];
      if (line === undefined || line.timestampMs < detector.closedMsOf(line.slot)) continue;
      const message = this.#redact(messageText(line, bytes));
      this.#book.add(line.slot, line.timestampMs, line.level, message, line.count);
    }
    return end === this.#lines.length;
  }
}
