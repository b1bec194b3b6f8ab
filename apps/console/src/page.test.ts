import { expect, test } from "vitest";
import { countsOf } from "./api/metrics.ts";
import { createEventParser, EVENT_CHARACTERS_MAX } from "./api/stream.ts";
import { change, clockText, count, delayText, LINE_CHARACTERS_MAX, plain } from "./format.ts";
import { routeOf } from "./state/route.ts";

test("hostile text: what deceives is made visible, and length is bounded", () => {
  expect(plain("a\u202etxt.exe\u0000\u001b[31m")).toBe("a\ufffdtxt.exe\ufffd\ufffd[31m");
  expect(plain("one\r\n\ttwo \ud800 three")).toBe("one two \ufffd three");
  expect(plain("👩\u200d💻 می\u200cخواهم")).toBe("👩\u200d💻 می\u200cخواهم");
  expect(plain(null)).toBe("");
  expect(plain("x".repeat(LINE_CHARACTERS_MAX))).toHaveLength(LINE_CHARACTERS_MAX);
  expect(plain("x".repeat(LINE_CHARACTERS_MAX + 1)).endsWith("x…")).toBe(true);
});

test("numbers, changes and times are never NaN, Infinity or undefined", () => {
  expect([0, 1234, 1e9, null, undefined, Number.NaN].map(count)).toEqual([
    ...["0", "1,234", "1,000,000,000", "–", "–", "–"],
  ]);
  expect([0, Math.log(3.3), 1e3, -1e3, null, Number.NaN].map(change)).toEqual([
    ...["1×", "3.3×", "over 9,999×", "under 0.0001×", "–", "–"],
  ]);
  expect([400, 12_000, 240_000, 7_200_000, -60_000, Number.NaN].map(delayText)).toEqual([
    ...["+0.4 s", "+12 s", "+4 min", "+2 h", "−60 s", ""],
  ]);
  expect(clockText("never", 0)).toBe("–");
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

test("the address names the page, below whatever path Tracer stands at", () => {
  const at = (pathname: string, root: string) => {
    const { page, id, query } = routeOf(pathname, "?name=a%2Fb", root);
    return [page, id, query.get("name")];
  };
  expect(at("/", "/")).toEqual(["", "", "a/b"]);
  expect(at("/i/inc_1-1", "/")).toEqual(["i", "inc_1-1", "a/b"]);
  expect(at("/tracer/services", "/tracer/")).toEqual(["services", "", "a/b"]);
  expect(at("/i/%zz", "/")).toEqual(["i", "%zz", "a/b"]);
  expect(at("/elsewhere/", "/tracer/")).toEqual(["", "", "a/b"]);
});

test("without a stream the counts come from the metrics", () => {
  const text = [
    "# TYPE tracer_records_total counter",
    'tracer_records_total{protocol="logs",result="accepted"} 40',
    'tracer_records_total{protocol="otlp",result="accepted"} 2',
    'tracer_records_total{protocol="logs",result="rejected"} 9',
    "tracer_series 3",
    "tracer_series_max 100000",
  ].join("\n");
  expect(countsOf(text)).toMatchObject({ recordsTotal: 42, services: 3 });
  expect(countsOf("")).toMatchObject({ recordsTotal: 0, services: 0 });
});
