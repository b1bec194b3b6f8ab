import { expect, test } from "vitest";
import {
  clip,
  EXEMPLAR_CHARS_MAX,
  EXEMPLAR_RAW_CHARS_MAX,
  exemplarText,
  flatten,
  formatDuration,
  formatNumber,
  formatQuantity,
  formatRatio,
  sparklineText,
} from "./text.ts";

const ESC = "\u001b";

test.each([
  [`${ESC}[1;31mred${ESC}[0m text`, "red text"],
  [`${ESC}]0;title\u0007body`, "body"],
  [`${ESC}]8;;http://evil${ESC}\\label${ESC}]8;;${ESC}\\`, "label"],
  ["a\r\nb\nc\u2028d", "a ⏎ b ⏎ c ⏎ d"],
  ["zero\u200b\u200dwidth\ufeff", "zerowidth"],
  ["\u202eevil\u2066x\u2069", "evilx"],
  ["tag\u{e0041}\u{e0042}s", "tags"],
  ["nul\u0000bell\u0007", "nul bell"],
  ["  tabs\t\tand   blanks ", "tabs and blanks"],
  ["lone \ud800 half", "lone \ufffd half"],
  [`z${"\u0301".repeat(50)}algo`, `z${"\u0301".repeat(3)}algo`],
])("flatten %j", (text, flat) => {
  expect(flatten(text)).toBe(flat);
  expect(flatten(flat)).toBe(flat);
});

test("clip keeps to the bound and cuts neither a code point nor what is joined to it", () => {
  expect(clip("abcde", 5)).toBe("abcde");
  expect(clip("abcdef", 5)).toBe("abcd…");
  expect(clip("ab😀cd", 4)).toBe("ab…");
  expect(clip("abce\u0301fg", 5)).toBe("abc…");
  expect(clip("ab👩\u200d🚀cdef", 6)).toBe("ab…");
  expect(clip("abc", 1)).toBe("…");
  expect(clip("abc", 0)).toBe("");
});

test("clip holds its bound on a wall of marks and on every length", () => {
  const wall = `a${"\u0301".repeat(500)}😀`;
  for (let max = 0; max < 40; max += 1) {
    expect(clip(wall, max).length).toBeLessThanOrEqual(max);
    expect(clip("😀".repeat(30), max)).not.toMatch(/[\ud800-\udbff](?![\udc00-\udfff])/);
  }
});

test("an example line: a colour code does not save a password, and clipping comes last", () => {
  expect(exemplarText(`pass${ESC}[31mword=hunter2\nnext`)).toBe("password=‹redacted› ⏎ next");
  const long = `${"x".repeat(EXEMPLAR_CHARS_MAX - 20)} password=${"s".repeat(100)}`;
  const shown = exemplarText(long);
  expect(shown).not.toMatch(/s{3}/);
  expect(shown.length).toBeLessThanOrEqual(EXEMPLAR_CHARS_MAX);
});

test("an example line of any length: whole up to its bound, clipped beyond", () => {
  expect(exemplarText("y".repeat(EXEMPLAR_CHARS_MAX))).toHaveLength(EXEMPLAR_CHARS_MAX);
  expect(exemplarText("y".repeat(EXEMPLAR_CHARS_MAX + 1))).toMatch(/…$/);
});

test("what is cut off a huge line before redacting never leaves half a secret", () => {
  // The private key collapses to a few characters, so that the cut end would become visible.
  const key = ["-----BEGIN ", "PRIVATE KEY-----", "-----END ", "PRIVATE KEY----- "];
  const [begin = "", kind = "", end = "", close = ""] = key;
  const body = "k".repeat(EXEMPLAR_RAW_CHARS_MAX - 62);
  const line = `${begin}${kind}${body}${end}${close}mail bob.smith@example-of-a-long-domain.com`;
  expect(line.length).toBeGreaterThan(EXEMPLAR_RAW_CHARS_MAX);
  expect(exemplarText(line)).toBe("‹private key› mail");
});

test("numbers for people", () => {
  expect(formatNumber(1841)).toBe("1,841");
  expect(formatNumber(99.96)).toBe("100");
  expect(formatNumber(12.44)).toBe("12.4");
  expect(formatNumber(0.006)).toBe("0.006");
  expect(formatNumber(-0.00001)).toBe("0");
  expect(formatNumber(-1_234_567)).toBe("-1,234,567");
  expect(formatNumber(1e300)).toBe("1.00e300");
  expect(formatQuantity(0.124, "share")).toBe("12.4 %");
  expect(formatQuantity(250, "records_per_minute")).toBe("250/min");
  expect([430, 999.4, 1_000, 12_430].map((ms) => formatQuantity(ms, "milliseconds"))).toEqual([
    "430 ms",
    "999 ms",
    "1 s",
    "12.4 s",
  ]);
  expect(formatRatio(20.7)).toBe("20.7×");
  expect(formatRatio(null)).toBe("new, was 0");
  expect(formatDuration(1_080)).toBe("18 min");
  expect(formatDuration(12_000)).toBe("3 h 20 min");
  expect(formatDuration(90_000 * 3)).toBe("3 d 3 h");
  expect(formatDuration(-5)).toBe("0 s");
});

test("what is no number is a dash, never a word of JavaScript's", () => {
  for (const value of [null, undefined, Number.NaN, Infinity, -Infinity]) {
    expect(formatNumber(value)).toBe("–");
    expect(formatQuantity(value, "milliseconds")).toBe("–");
    expect(formatDuration(value)).toBe("–");
  }
});

test("a sparkline, also of nothing, of constants and of extremes", () => {
  expect(sparklineText([0, 1, 2, null, 7])).toBe("▁▂▃·█");
  expect(sparklineText([])).toBe("");
  expect(sparklineText([null, null])).toBe("··");
  expect(sparklineText([0, 0])).toBe("▁▁");
  expect(sparklineText([5, 5])).toBe("██");
  expect(sparklineText([1e308, -1e308])).toHaveLength(2);
});
