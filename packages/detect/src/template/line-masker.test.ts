import { describe, expect, test } from "vitest";
import { LineMasker, TOKENS_MAX } from "./line-masker.ts";
import { LINE_CHARS_MAX } from "./message-extent.ts";

function masked(message: string): string {
  const masker = new LineMasker();
  masker.read(message);
  return masker.text().text;
}

function hashOf(message: string): number {
  const masker = new LineMasker();
  masker.read(message);
  return masker.hash;
}

test.each([
  ["order 4711 failed after 812.3 ms.", "order <num> failed after <duration>."],
  ["took 15ms, then 3h2m, then .5s", "took <duration>, then <duration>, then <duration>"],
  ["temperature -5 (was -12.5)", "temperature <num> (was <num>)"],
  ["etag deadbeef or 12ab34cd or 0x1F", "etag <hex> or <hex> or <hex>"],
  ["550e8400-e29b-41d4-a716-446655440000 is gone", "<uuid> is gone"],
  ["from 10.0.3.4:8080 via fe80::1", "from <ip> via <ip>"],
  ["open /var/lib/x/1.db: denied", "open <path> denied"],
  ["C:\\data\\x.txt and ./run.sh and src/main.ts:12:3", "<path> and <path> and <path>"],
  ["GET https://shop.example/a?b=1&c=2 failed", "GET <url> failed"],
  ["for bob@example.com!", "for <email>!"],
  ["refused: \"no funds\" or 'none' or `x y`", "refused: <text> or <text> or <text>"],
  ["2026-01-05T12:00:00.123Z [main-3] up", "<time> [main-<num>] up"],
  ["at 12:34:56 on 2026-01-05", "at <time> on <time>"],
  ["worker-12 of v1.2.3 sha256 utf8", "worker-<num> of v<num>.<num>.<num> sha<num> utf<num>"],
  ["req-8f3a2b9c by a8f3k2j9x", "req-<id> by <id>"],
  ['{"code":17,"why":"no \\"room\\"","ok":false}', '{"code":<num>,"why":<text>,"ok":false}'],
  ["level=error user=bob took=1.5s", "level=error user=bob took=<duration>"],
  ["can't read/write, it's the users' own", "can't read/write, it's the users' own"],
  ["ids [1, 2, 3] and 4 5 6 left", "ids [<num>] and <num> left"],
  ["\u001b[31mfailed\u001b[0m for good", "failed for good"],
  ["ünïcode 5 名前 x", "ünïcode <num> 名前 x"],
  ["TypeError: x is not y\n    at f (/srv/a.js:3:1)", "TypeError: x is not y"],
  ["Traceback (most recent call last):\n  File x\nKeyError: 7\n", "KeyError: <num>"],
  ["  !!! ???  ", "!!! ???"],
  [" \t\n ", ""],
])("%s", (message, expected) => {
  expect(masked(message)).toBe(expected);
});

describe("of one kind", () => {
  test.each([
    ["a value that looks like another", "etag 12345678 set", "etag 1234abcd set"],
    ["a list, however long", "ids: [1,2] gone", "ids: [1, 2, 3, 4, 5] gone"],
    ["a time with and without a fraction", "at 12:00:01 up", "at 12:00:01.250 up"],
    ["another unit", "took 5 s, ok", "took 812.3ms, ok"],
    ["blanks", "a  b\tc", "a b c"],
  ])("%s", (_, one, other) => expect(hashOf(one)).toBe(hashOf(other)));

  test.each([
    ["another word", "order 1 created", "order 1 deleted"],
    ["a word more", "order 1 created", "order 1 created now"],
    ["a word where a value was", "status 500", "status unknown"],
    ["another sign", "a: b", "a, b"],
    ["another field of JSON", '{"a":1}', '{"b":1}'],
  ])("but not: %s", (_, one, other) => expect(hashOf(one)).not.toBe(hashOf(other)));
});

test("tokens and characters beyond the bounds do not count", () => {
  const words = Array.from({ length: TOKENS_MAX }, (_, at) => `w${"x".repeat(at % 3)}`);
  const whole = words.join(" ");
  expect(hashOf(`${whole} more`)).toBe(hashOf(whole));
  expect(hashOf(words.slice(1).join(" "))).not.toBe(hashOf(whole));
  const room = "y".repeat(LINE_CHARS_MAX - 2);
  expect(hashOf(`${room} a`)).not.toBe(hashOf(`${room} b`));
  expect(hashOf(`${room}y a`)).toBe(hashOf(`${room}y b`));
});

test.each([
  ["blanks", " "],
  ["open quotes", "'a \"b `c "],
  ["backslashes", "\\"],
  ["colons", "::1"],
  ["signs", "-5"],
  ["at signs", "a@"],
  ["colours", "\u001b["],
  ["control characters", "\u0000\u007f\u0085"],
])("a million characters of %s cost no more than the bound", (_, unit) => {
  const masker = new LineMasker();
  const long = unit.repeat(1_000_000 / unit.length);
  const started = performance.now();
  for (let round = 0; round < 20; round += 1) masker.read(long);
  // A walk over all of it, or back and forth within the bound, would take seconds.
  expect(performance.now() - started).toBeLessThan(1_000);
  expect(masker.length).toBeLessThanOrEqual(TOKENS_MAX);
});
