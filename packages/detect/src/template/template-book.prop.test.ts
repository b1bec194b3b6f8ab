import { LevelIndex, STEP_MS, TracerError } from "@tracer/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Transition } from "../transition.ts";
import { KINDS_MAX } from "./kind-table.ts";
import { LineMasker, TOKENS_MAX } from "./line-masker.ts";
import { TemplateBook } from "./template-book.ts";

const START_MS = Date.parse("2026-06-01T00:00:00Z");
const HOUR_MS = 3_600_000;

const scraps = fc.constantFrom(
  ...["order ", "4711", " failed", ": ", '"x y"', "'", "/a/b", "10.0.0.1", "\u001b[31m", "\n", "="],
  ...["https://x/y", "[", "1, 2", "deadbeef", " ", "\u0000", "\ud800", "a@b.c", "::", "\\", "-7"],
);
const messages = fc.oneof(
  fc.array(scraps, { maxLength: 20 }).map((parts) => parts.join("")),
  fc.string({ unit: "binary", maxLength: 80 }),
);
/** Messages of a service whose kinds are few, so that many of them are of one kind. */
const usual = fc
  .tuple(fc.constantFrom("alpha", "beta", "gamma", "delta", "eta"), fc.nat(9_999))
  .map(([name, number]) => `${name} took ${number} ms`);
const rare = fc
  .tuple(fc.constantFrom("lost", "broken", "denied", "late"), fc.constantFrom("a", "b", "c", "d"))
  .map(([what, whose]) => `the ${what} thing of ${whose} is here`);

test("any text: at most so many tokens, and twice the same is of one kind", () => {
  const masker = new LineMasker();
  fc.assert(
    fc.property(messages, (message) => {
      masker.read(message);
      const { hash, length } = masker;
      const { text, ends } = masker.text();
      expect(length).toBeLessThanOrEqual(TOKENS_MAX);
      expect(ends).toHaveLength(length);
      expect(ends.at(-1) ?? 0).toBe(text.length);
      masker.read(message);
      expect([masker.hash, masker.length]).toEqual([hash, length]);
    }),
    { seed: 20_261_122, numRuns: 2_000 },
  );
});

interface Line {
  readonly gapMs: number;
  readonly slot: number;
  readonly level: number;
  readonly message: string;
}

const lines = fc.array(
  fc.record({
    gapMs: fc.oneof(
      { weight: 6, arbitrary: fc.integer({ min: 0, max: 300_000 }) },
      { weight: 1, arbitrary: fc.integer({ min: 0, max: 2 * HOUR_MS }) },
    ),
    slot: fc.nat(2),
    level: fc.constantFrom<number>(
      LevelIndex.info,
      LevelIndex.warn,
      LevelIndex.error,
      LevelIndex.fatal,
    ),
    message: fc.oneof({ weight: 8, arbitrary: usual }, { weight: 2, arbitrary: rare }, messages),
  }),
  { minLength: 300, maxLength: 700 },
);

/** Feeds the lines; `restart` is asked before each of them, and may hand back another book. */
function play(all: readonly Line[], restart: (book: TemplateBook, at: number) => TemplateBook) {
  let book = new TemplateBook();
  let nowMs = START_MS;
  const found: Transition[] = [];
  for (const [at, { gapMs, slot, level, message }] of all.entries()) {
    book = restart(book, at);
    nowMs += gapMs;
    const count = book.weigh(slot, nowMs, level);
    if (count > 0) book.add(slot, nowMs, level, message, count);
    const closedMs = Math.floor(nowMs / STEP_MS) * STEP_MS;
    book.settle(() => closedMs);
    found.push(...book.takeTransitions());
  }
  return { book, found };
}

function reloaded(book: TemplateBook): TemplateBook {
  const next = new TemplateBook();
  for (const slot of book.slots()) {
    next.loadSlot(slot, JSON.parse(JSON.stringify(book.saveSlot(slot))));
  }
  next.resume(0);
  return next;
}

test("saved and loaded in the middle, or every now and then: as if nothing had been", () => {
  let opened = 0;
  fc.assert(
    fc.property(lines, fc.integer({ min: 1, max: 200 }), (all, each) => {
      const through = play(all, (book) => book);
      const restarted = play(all, (book, at) => (at % each === 0 ? reloaded(book) : book));
      expect(restarted.found).toEqual(through.found);
      expect(restarted.book.openSignals()).toEqual(through.book.openSignals());
      expect(restarted.book.bytes).toBe(through.book.bytes);
      for (const slot of through.book.slots()) {
        expect(restarted.book.saveSlot(slot)).toEqual(through.book.saveSlot(slot));
      }
      opened += through.found.length;
    }),
    { seed: 20_261_122, numRuns: 40 },
  );
  expect(opened).toBeGreaterThan(20); // It was about something.
});

test("what opens ends or is open, once each; every number is finite; memory is bounded", () => {
  fc.assert(
    fc.property(lines, (all) => {
      const { book, found } = play(all, (each) => each);
      const open = new Set<string>();
      for (const { state, signal } of found) {
        const id = `${signal.slot}/${signal.part}`;
        expect(open.has(id)).toBe(state === "resolved");
        if (state === "opened") open.add(id);
        else open.delete(id);
        expect(JSON.stringify(signal)).not.toMatch(/NaN|Infinity|undefined/u);
        expect(signal.onsetMs).toBeLessThan(signal.decidedMs);
        expect(signal.decidedMs).toBeLessThanOrEqual(signal.lastStepMs);
      }
      expect(
        book
          .openSignals()
          .map(({ slot, part }) => `${slot}/${part}`)
          .sort(),
      ).toEqual([...open].sort());
      expect(book.bytes).toBeLessThan(3 * 3 * KINDS_MAX * 1_300);
      for (const slot of book.slots()) book.release(slot);
      expect(book.bytes).toBe(0);
    }),
    { seed: 20_261_123, numRuns: 60 },
  );
});

test("a damaged snapshot is refused, or leads to a book that works", () => {
  const { book } = play(
    Array.from({ length: 3_000 }, (_, at) => ({
      gapMs: 60_000,
      slot: 0,
      level: LevelIndex.error,
      message: at % 1_000 === 999 ? `thing ${"abcdef"[(at / 1_000) | 0]} broke` : `took ${at} ms`,
    })),
    (each) => each,
  );
  const saved = JSON.stringify(book.saveSlot(0));
  let refused = 0;
  fc.assert(
    fc.property(
      fc.nat(saved.length - 1),
      fc.constantFrom("[", "]", "null", "-1", "1e99", '"', "{}"),
      (at, put) => {
        const damaged = saved.slice(0, at) + put + saved.slice(at + 1);
        let parsed: unknown;
        try {
          parsed = JSON.parse(damaged);
        } catch {
          return;
        }
        const next = new TemplateBook();
        try {
          next.loadSlot(0, parsed);
        } catch (error) {
          expect(error).toBeInstanceOf(TracerError);
          expect(error).toMatchObject({ code: "SNAPSHOT_INVALID" });
          refused += 1;
          return;
        }
        next.add(0, START_MS + 100 * HOUR_MS, LevelIndex.error, "took 5 ms");
        next.settle(() => START_MS + 200 * HOUR_MS);
        expect(JSON.stringify(next.openSignals())).not.toMatch(/NaN|Infinity/u);
      },
    ),
    { seed: 20_261_124, numRuns: 1_500 },
  );
  expect(refused).toBeGreaterThan(20);
});
