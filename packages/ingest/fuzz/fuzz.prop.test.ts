import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { Checker } from "./check.ts";
import { DIALECT_SUBJECTS } from "./dialects.ts";
import { Random } from "./random.ts";
import { FUZZ_SUBJECTS } from "./subjects.ts";

const SEED = 20_261_123;
const CASES = 20_000;
const SUBJECTS = [...FUZZ_SUBJECTS, ...DIALECT_SUBJECTS];

describe("a slice of the fuzzing", () => {
  const each = Math.ceil(CASES / SUBJECTS.length);
  test.each(SUBJECTS)("$name", (subject) => {
    const random = new Random(SEED);
    const checker = new Checker();
    let known = 0;
    for (let done = 0; done < each; done += 1) {
      const written = subject.write(random);
      if (written.expected !== null) known += written.expected.length;
      checker.check(subject, written, 1 + random.below(40));
    }
    // The oracle must have had something to say, but for what is damaged anyhow.
    expect(known > each || subject.name === "damaged").toBe(true);
  });
});

test("cases that failed once", async () => {
  const kept: unknown = JSON.parse(await readFile(new URL("cases.json", import.meta.url), "utf8"));
  expect(Array.isArray(kept) && kept.length > 0).toBe(true);
  const checker = new Checker();
  for (const { decoder, body } of Array.isArray(kept) ? kept : []) {
    const subject = SUBJECTS.find(({ name }) => name === decoder);
    expect(subject).toBeDefined();
    const bytes = Buffer.from(String(body), "base64");
    if (subject === undefined) continue;
    for (let slice = 1; slice <= 40; slice += 1) {
      checker.check(subject, { body: bytes, expected: null }, slice);
    }
  }
});

test("each byte at which a body may end", () => {
  const random = new Random(SEED);
  const checker = new Checker();
  for (const subject of SUBJECTS) {
    for (let round = 0; round < 4; round += 1) {
      const { body } = subject.write(random);
      for (let end = 0; end <= Math.min(body.length, 600); end += 1) {
        checker.check(subject, { body: body.subarray(0, end), expected: null }, 7);
      }
    }
  }
});
