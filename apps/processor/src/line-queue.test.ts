import { CountDeltas } from "@tracer/core";
import { Detector, TemplateBook } from "@tracer/detect";
import { createLogsDecoder, SeriesDirectory } from "@tracer/ingest";
import { expect, test } from "vitest";
import { LINES_PER_BODY_MAX, LineQueue } from "./line-queue.ts";

const NOON_MS = Date.UTC(2026, 0, 5, 12);

/** Kinds of the service that a body of these records leads to, and the error lines that were counted. */
function learn(records: readonly string[], detector = new Detector()) {
  const book = new TemplateBook();
  const queue = new LineQueue(book);
  const bytes = Buffer.from(records.join("\n"));
  const directory = new SeriesDirectory();
  const projectId = directory.project("default");
  const context = { directory, projectId, defaultService: "s", receiptMs: NOON_MS };
  const decoder = createLogsDecoder(bytes, context, (batch) => queue.collect(batch));
  while (!decoder.advance(1e9));
  expect(book.slots()).toEqual([]); // Nothing before the body is known to be good.
  let turns = 0;
  while (!queue.learn(bytes, detector)) turns += 1;
  const signal = { slot: 0, kind: "error", part: "", onsetMs: NOON_MS - 60_000 } as const;
  const kinds = book.templatesOf(signal).map(({ text, now }) => [text, Math.round(now)]);
  return { book, kinds, turns };
}

const line = (message: string, secondsAgo = 5) =>
  JSON.stringify({ ts: NOON_MS - secondsAgo * 1_000, level: "error", msg: message });

test("the messages of a body, escapes resolved; a record without one has nothing to say", () => {
  const records = [line('lock "a" lost\nat x'), line("lock 'b' lost"), '{"level":"error","x":1}'];
  expect(learn(records).kinds).toEqual([["lock <text> lost", 2]]);
});

test("a record of a closed step is late and changes nothing", () => {
  const detector = new Detector();
  const deltas = new CountDeltas();
  deltas.add(0, NOON_MS, 2, Number.NaN);
  detector.observe(deltas, NOON_MS);
  const closedMs = detector.closedMsOf(0);
  deltas.clear();
  deltas.add(0, NOON_MS + 30_000, 2, Number.NaN);
  detector.observe(deltas, NOON_MS + 30_000);
  expect(detector.closedMsOf(0)).toBe(NOON_MS + 20_000);
  expect(closedMs).toBeLessThan(NOON_MS + 20_000);
  expect(learn([line("early", -25), line("late", 5)], detector).kinds).toEqual([["early", 1]]);
});

test("so many lines of one body pass, over all services, a few hundred a turn", () => {
  const record = (_: unknown, at: number) =>
    `{"ts":${NOON_MS - 9_000},"level":"error","service":"s${at % 100}","msg":"boom"}`;
  const records = Array.from({ length: LINES_PER_BODY_MAX }, record);
  const last = `{"ts":${NOON_MS - 9_000},"level":"error","service":"last","msg":"boom"}`;
  const fits = learn([...records.slice(1), last]);
  expect(fits.book.slots()).toHaveLength(101);
  expect(fits.turns).toBeGreaterThan(100);
  expect(learn([...records, last]).book.slots()).toHaveLength(100);
});
