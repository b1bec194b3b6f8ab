import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import {
  change,
  createEventParser,
  duration,
  EVENT_CHARACTERS_MAX,
  LINE_CHARACTERS_MAX,
  measure,
  number,
  plain,
} from "../public/format.js";

const PUBLIC_DIR = fileURLToPath(new URL("../public/", import.meta.url));
/** What a browser loads before it shows the page, after gzip. */
const FIRST_LOAD_BYTES_MAX = 40_000;

const files = readdirSync(PUBLIC_DIR).map((name) => ({
  name,
  text: readFileSync(`${PUBLIC_DIR}${name}`, "utf8"),
}));
const html = files.find(({ name }) => name === "index.html")?.text ?? "";

test("the first load is small, and the page preloads every module that it imports", () => {
  expect(files.length).toBeGreaterThan(5);
  const bytes = files.reduce((sum, { text }) => sum + gzipSync(text).length, 0);
  expect(bytes).toBeLessThan(FIRST_LOAD_BYTES_MAX);
  for (const { name } of files.filter(({ name }) => name !== "index.html")) {
    expect(html).toContain(`"/assets/${name}"`);
  }
});

test("nothing in the page needs more than the strict policy allows, nor another host", () => {
  expect(html).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=/i);
  for (const { name, text } of files) {
    const withoutNamespace = text.replaceAll("http://www.w3.org/2000/svg", "");
    expect(withoutNamespace, name).not.toMatch(/https?:\/\/|\/\/cdn/);
    expect(text, name).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(/);
    expect(text, name).not.toMatch(/setAttribute\("style"|new Function/);
  }
});

test("hostile text: what deceives is made visible, and length is bounded", () => {
  expect(plain("a\u202etxt.exe\u0000\u001b[31m")).toBe("a\ufffdtxt.exe\ufffd\ufffd[31m");
  expect(plain("one\r\n\ttwo \ud800 three")).toBe("one two \ufffd three");
  expect(plain("👩\u200d💻 می\u200cخواهم")).toBe("👩\u200d💻 می\u200cخواهم");
  expect(plain(null)).toBe("");
  expect(plain("x".repeat(LINE_CHARACTERS_MAX))).toHaveLength(LINE_CHARACTERS_MAX);
  expect(plain("x".repeat(LINE_CHARACTERS_MAX + 1)).endsWith("x…")).toBe(true);
});

test("numbers, measures and durations are never NaN, Infinity or undefined", () => {
  expect([0, 0.424, 12.345, 99.99, 1234.5, 1e9].map(number)).toEqual([
    "0",
    "0.42",
    "12.3",
    "100",
    "1,235",
    "1,000,000,000",
  ]);
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, null, undefined]) {
    expect(number(value)).toBe("–");
    expect(measure(value, "share")).toBe("–");
  }
  expect(measure(0.124, "share")).toBe("12.4 %");
  expect(measure(310, "records_per_minute")).toBe("310 a minute");
  expect([430, 1_240, 12_000].map((ms) => measure(ms, "milliseconds"))).toEqual([
    "430 ms",
    "1.24 s",
    "12 s",
  ]);
  expect([0, Math.log(3.3), 1e3, -1e3, null, Number.NaN].map(change)).toEqual([
    "1×",
    "3.3×",
    "over 9,999×",
    "under 0.0001×",
    "–",
    "–",
  ]);
  expect([-5, 59.9, 60, 3600, 7500, 90_000, Number.NaN].map(duration)).toEqual([
    "0 s",
    "59 s",
    "1 min",
    "1 h",
    "2 h 5 min",
    "1 d 1 h",
    "–",
  ]);
});

test("the stream's events are the same however it is cut, and an endless one is refused", () => {
  const stream =
    ': hello\r\nevent: counts\r\nid: 7\r\ndata: {"a":1}\r\n\r\nevent: ping\n\ndata: one\ndata: two\n\n';
  const whole = createEventParser().feed(stream);
  expect(whole).toEqual([
    { event: "counts", data: '{"a":1}', id: "7" },
    { event: "message", data: "one\ntwo", id: null },
  ]);
  for (let size = 1; size < stream.length; size += 1) {
    const parser = createEventParser();
    const events = [];
    for (let at = 0; at < stream.length; at += size) {
      events.push(...parser.feed(stream.slice(at, at + size)));
    }
    expect(events).toEqual(whole);
  }
  const parser = createEventParser();
  expect(parser.feed("d".repeat(EVENT_CHARACTERS_MAX))).toEqual([]);
  expect(() => parser.feed("d")).toThrow("too large");
});
