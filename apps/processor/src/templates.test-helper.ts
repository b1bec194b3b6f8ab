import type { TemplateBook } from "@tracer/detect";

const MINUTE_MS = 60_000;
const ERROR = 4;
const INFO = 2;

/** Teaches a book two days of one service, a line of level info and one of error a minute, up to `untilMs`. */
export function teach(book: TemplateBook, slot: number, untilMs: number): void {
  for (let atMs = untilMs - 48 * 60 * MINUTE_MS; atMs < untilMs; atMs += MINUTE_MS) {
    book.add(slot, atMs, INFO, `request ${atMs} took 5 ms`);
    book.add(slot, atMs, ERROR, `upstream 10.0.0.${atMs % 256} timed out`);
  }
  book.settle(() => untilMs);
}
