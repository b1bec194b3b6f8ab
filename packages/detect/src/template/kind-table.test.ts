import { expect, test } from "vitest";
import { KINDS_MAX, KindTable, TEXT_CHARS_MAX } from "./kind-table.ts";
import { LineMasker } from "./line-masker.ts";
import type { MessageKind } from "./message-kind.ts";

const masker = new LineMasker();
const WORDS = ["apple", "birch", "cedar", "daisy", "elder", "fern", "grass", "holly", "iris"];

/** Words that no rule takes for a value. */
function word(at: number): string {
  return `${WORDS[at % 9]}${WORDS[Math.floor(at / 9) % 9]}${WORDS[Math.floor(at / 81) % 9]}`;
}

function take(table: KindTable, message: string, timestampMs = 0): MessageKind {
  masker.read(message);
  return table.find(masker) ?? table.add(masker, { timestampMs, count: 1, level: 4 }).kind;
}

test("a line finds the kind of one like it", () => {
  const table = new KindTable(2);
  const kind = take(table, "order 1 failed");
  expect(take(table, "order 22 failed")).toBe(kind);
  expect(take(table, "order 22 expired")).not.toBe(kind);
  expect(table.kinds).toHaveLength(2);
});

test("the same words at another level are another part; in another process they are the same", () => {
  const part = take(new KindTable(2), "order 1 failed").part;
  expect(part).toMatch(/^[0-9a-f]{12}$/u);
  expect(take(new KindTable(2), "order 77 failed").part).toBe(part);
  expect(take(new KindTable(1), "order 1 failed").part).not.toBe(part);
});

test("kinds that differ in one word become one with a value there; its part stays", () => {
  const table = new KindTable(2);
  const first = take(table, `user ${word(0)} was locked out`);
  for (let at = 1; at < 4; at += 1) take(table, `user ${word(at)} was locked out`);
  expect(table.kinds).toHaveLength(4);
  const { part, text } = first;
  expect(take(table, `user ${word(4)} was locked out`)).toBe(first);
  expect(table.kinds).toEqual([first]);
  expect(first).toMatchObject({ part, text: "user <*> was locked out" });
  expect(text).not.toBe(first.text);
  expect(take(table, `user ${word(5)} was locked out`)).toBe(first);
  expect(take(table, `user ${word(5)} was let in`)).not.toBe(first);
});

test("in two words: later, and what the others had seen is kept", () => {
  const table = new KindTable(2);
  for (let at = 0; at < 9; at += 1) {
    take(table, `user ${word(at)} cannot open file ${word(at + 40)} today`, at);
  }
  expect(table.kinds).toHaveLength(1);
  expect(table.kinds[0]).toMatchObject({
    text: "user <*> cannot open file <*> today",
    lines: 8,
    firstMs: 0,
    lastMs: 7,
  });
});

test("a name in a kind that is still new: one kind at once", () => {
  const table = new KindTable(2);
  const first = take(table, `lease of ${word(1)} was lost`);
  first.state = "waiting";
  expect(take(table, `lease of ${word(2)} was lost`)).toBe(first);
});

test("a name in a new kind makes nothing of it that was known before", () => {
  const table = new KindTable(2);
  const old = take(table, "lease of apple was lost", 0);
  const fresh = take(table, "lease of birch was lost", 1_000);
  fresh.state = "open";
  expect(take(table, "lease of cedar was lost", 2_000)).toBe(fresh);
  expect(fresh).toMatchObject({ text: "lease of <*> was lost", firstMs: 1_000, lines: 1 });
  expect(take(table, "lease of apple was lost", 3_000)).toBe(old);
});

test("so many kinds, and the next takes the place of the one unseen for longest; an open one stays", () => {
  const table = new KindTable(2);
  const kinds = Array.from({ length: KINDS_MAX }, (_, at) =>
    take(table, `${word(at)} ${word(at * 7)} ${word(at * 3)}`, at),
  );
  expect(table.kinds).toHaveLength(KINDS_MAX);
  expect(table.evictedMs).toBe(Number.NEGATIVE_INFINITY);
  const [oldest, second] = kinds;
  if (oldest === undefined || second === undefined) throw new Error("no kinds");
  oldest.state = "open";
  const bytes = table.bytes;
  take(table, `${word(500)} ${word(501)} ${word(502)}`, 1_000);
  expect(table.kinds).toHaveLength(KINDS_MAX);
  expect(table.kinds).toContain(oldest);
  expect(table.kinds).not.toContain(second);
  expect(table.evictedMs).toBe(1_000);
  expect(Math.abs(table.bytes - bytes)).toBeLessThan(100);
});

test("a text is kept up to its bound", () => {
  const table = new KindTable(2);
  expect(take(table, "x".repeat(TEXT_CHARS_MAX)).text).toHaveLength(TEXT_CHARS_MAX);
  expect(take(table, "y".repeat(TEXT_CHARS_MAX + 1)).text).toHaveLength(TEXT_CHARS_MAX);
});
