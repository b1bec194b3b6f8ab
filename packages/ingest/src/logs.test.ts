import { describe, expect, test } from "vitest";
import { SeriesDirectory } from "./directory.ts";
import { DEPTH_MAX, RECORD_BYTES_MAX } from "./json-walker.ts";
import { createLogsDecoder, MULTI_LINE_RETRIES_MAX } from "./logs.ts";
import { COUNT_MAX, LATENCY_MS_MAX } from "./record.ts";
import { FUTURE_MS_MAX, PROBLEMS_MAX } from "./sink.ts";
import { decode, RECEIPT_MS, type Row } from "./test-decode.ts";

function only(record: unknown, options = {}): Row {
  const { rows, fatal } = decode(JSON.stringify(record), options);
  expect(fatal).toBeNull();
  const row = rows[0];
  if (row === undefined || rows.length !== 1) throw new Error(`${rows.length} rows`);
  return row;
}

function messages(body: string | Uint8Array): string[] {
  return decode(body).rows.map((row) => row.message);
}

describe("framing, by content", () => {
  test.each([
    ["an object", '{"msg":"a"}', "a"],
    ["an object over lines", '{\n  "msg": "a",\n  "x": {\n    "y": []\n  }\n}\n', "a"],
    ["an array", ' [{"msg":"a"} , {"msg":"b"}]\n', "ab"],
    ["an array over lines", '[\n  {\n    "msg": "a"\n  },\n  {\n    "msg": "b"\n  }\n]', "ab"],
    ["a trailing comma", '[{"msg":"a"},\n]', "a"],
    ["two arrays", '[{"msg":"a"}]\n[{"msg":"b"}]', "ab"],
    ["logs", '{"logs":[{"msg":"a"},{"msg":"b"}]}', "ab"],
    ["logs, not first", '{"service":"x","more":{"logs":1},"logs":[{"msg":"a"}],"z":[1]}', "a"],
    ["logs, over lines", '{\n  "logs": [\n    {"msg":"a"},\n    {"msg":"b"}\n  ]\n}\n', "ab"],
    ["logs on every line", '{"logs":[{"msg":"a"}]}\n{"logs":[{"msg":"b"}]}\n', "ab"],
    ["logs under an escaped key", '{"\\u006cogs":[{"msg":"a"}]}', "a"],
    ["NDJSON", '{"msg":"a"}\n{"msg":"b"}\n', "ab"],
    ["NDJSON without a last line feed", '{"msg":"a"}\n{"msg":"b"}', "ab"],
    ["NDJSON with CRLF and blank lines", '\r\n{"msg":"a"}\r\n\r\n  \r\n{"msg":"b"}\r\n', "ab"],
    ["objects without anything between", '{"msg":"a"}{"msg":"b"} {"msg":"c"}', "abc"],
    ["objects over lines, one after another", '{\n"msg":"a"\n}\n{\n"msg":"b"\n}\n', "ab"],
    ["a byte order mark", '\uFEFF[{"msg":"a"}]', "a"],
    ["an empty object", "{}", "{}"],
  ])("%s", (_, body, expected) => {
    const { report } = decode(body);
    expect(messages(body).join("")).toBe(expected);
    expect(report).toMatchObject({ rejected: 0, errors: [], warningCount: 0 });
  });

  test("`logs` that is no batch leaves the object a record", () => {
    expect(messages('{"msg":"a","logs":["x"]}')).toEqual(["a"]);
    expect(messages('{"logs":"x","msg":"a"}')).toEqual(["a"]);
    expect(messages('{"msg":"a","logs":[]}')).toEqual(["a"]);
    expect(messages('[{"logs":[{"msg":"x"}],"msg":"a"}]')).toEqual(["a"]);
    expect(decode('{"logs":["x",{"msg":"a"}]}').report).toMatchObject({ accepted: 1, rejected: 1 });
  });
});

describe("bad records among good ones are named by index", () => {
  test.each([
    ['{"msg":"a"}\nnot json\n{"msg":"b"}', "ab", [1]],
    ['{"msg":"a"}\n{"msg":"x"\n{"msg":"b"}', "ab", [1]],
    ['{"msg":"a"}\n{"msg":\n{"msg":"b"}', "ab", [1]],
    ['{"msg":"a"}\n{"msg":"x\n{"msg":"b"}', "ab", [1]],
    ['{"msg":\n{"msg":"a"}\n{"msg":"b"}', "ab", [0]],
    ['{"msg":"x"\n{"msg":"a"}', "a", [0]],
    ['{"msg":"a"}\n42\n"text"\nnull\n[1,2]\ntrue\n{"msg":"b"}', "ab", [1, 2, 3, 4, 5]],
    ['{"msg":"a"}\n{"msg":"x"} trailing\n{"msg":"b"}', "ab", [1]],
    ['{"msg":"a"}\n{"msg":"x"}}\n{"msg":"b"}', "ab", [1]],
    ['{"msg":"a"}\n{"msg":"x",}\n{"msg":"b"}', "ab", [1]],
    ['{"msg":"a"}\n{"x":"\t"}\n{"x":"\u0000"}\n{"x":01}\n{"x":"\\x"}\n{x:1}', "a", [1, 2, 3, 4, 5]],
    ['{"msg":"a"}\n{"msg":"cut', "a", [1]],
    ['[{"msg":"a"},7,{"msg":"b"},null,[{}],"x",{"msg":"c"}]', "abc", [1, 3, 4, 5]],
    ['[{"msg":"a"},{"msg":tru},{"msg":"b"}]', "ab", [1]],
    ['[{"msg":"a"},{"x":[1},{"msg":"b"}]', "ab", [1]],
    ['[{"msg":"a"},{"x":"}],[{\\"",},{"msg":"b"}]', "ab", [1]],
    ['[{"msg":"a"},{"x":1}},{"msg":"b"}]', "ab", [1]],
    ['[{"msg":"a"} {"msg":"x"},{"msg":"b"}]', "b", [0]],
    ['[{"msg":"a"},,{"msg":"b"}]', "ab", [1]],
    ['[\n{"msg":"a"},\n{"msg":"x},\n{"msg":"b"}\n]', "ab", [1]],
    ['[{"msg":"a"},{"x":{"msg":"b"}]', "a", [1]],
    ['[{"msg":"a"}', "a", [1]],
    ['[{"msg":"a"},', "a", [1]],
    ['[{"msg":"a"},{"msg":"b"', "a", [1]],
    ['[{"msg":"a"}] trailing', "a", [1]],
    ['{"logs":[{"msg":"a"},3],"x":', "a", [1, 2]],
    ['{"logs":[{"msg":"a"}]', "a", [1]],
    ['{\n"msg":"a"\n}\n{\n"msg":tru\n}\n{\n"msg":"b"\n}', "ab", [1]],
    ['{\n"msg":"a"\n}\n{\n"msg":1\n{\n"msg":"b"\n}', "ab", [1]],
  ])("%s", (body, expected, bad) => {
    const { rows, report } = decode(body);
    expect(rows.map((row) => row.message).join("")).toBe(expected);
    expect(report.errors.map((error) => error.index)).toEqual(bad);
    expect(report.rejected).toBe(bad.length);
  });

  test("the first twenty are named, all are counted", () => {
    for (const bad of [PROBLEMS_MAX, PROBLEMS_MAX + 1]) {
      const { report } = decode(`{}\n${"x\n".repeat(bad)}{"level":"?"}\n`.repeat(2));
      expect(report.rejected).toBe(2 * bad);
      expect(report.errors).toHaveLength(PROBLEMS_MAX);
      expect(report.warningCount).toBe(2);
    }
    const { report } = decode('{"level":"banana"}\n'.repeat(PROBLEMS_MAX + 1));
    expect(report.warnings).toHaveLength(PROBLEMS_MAX);
    expect(report.warningCount).toBe(PROBLEMS_MAX + 1);
  });

  test("what it says about them", () => {
    expect(decode('{}\n7\n{"a":}\n{"b":').report.errors).toEqual([
      { index: 1, field: null, reason: "Not a JSON object." },
      { index: 2, field: null, reason: "Broken JSON at byte 10." },
      { index: 3, field: null, reason: "The body ends inside this record." },
    ]);
  });
});

describe("nothing to take", () => {
  test.each([
    ["", "BODY_EMPTY", 0],
    [" \r\n\n", "BODY_EMPTY", 0],
    ["[]", "BODY_EMPTY", 0],
    ['{"logs":[]}', "BODY_EMPTY", 0],
    ["hello world", "BODY_NOT_LOGS", 0],
    ["  hello\nworld", "BODY_NOT_LOGS", 2],
    ["42", "BODY_NOT_LOGS", 0],
    ['"text"', "BODY_NOT_LOGS", 0],
    ["\u001f\u008b\u0008", "BODY_NOT_LOGS", 0],
    ["[", "BODY_CUT_OFF", 1],
    ['{"a":', "BODY_CUT_OFF", 5],
    ['[{"a":"b', "BODY_CUT_OFF", 8],
    ['{\n  "a": 1,\n  "b', "BODY_CUT_OFF", 16],
    ["[1,2]", "RECORDS_ALL_INVALID", 1],
    ['{"a":tru}', "RECORDS_ALL_INVALID", 8],
    ["{a}\n{b}", "RECORDS_ALL_INVALID", 1],
  ])("%j: %s", (body, code, offset) => {
    const { rows, fatal } = decode(body);
    expect(rows).toEqual([]);
    expect(fatal).toMatchObject({ code, offset });
  });

  test("one good record is enough", () => {
    expect(decode("garbage\n{}\n").fatal).toBeNull();
  });
});

describe("fields", () => {
  const ALIASES: [string, string[], (row: Row) => unknown, (at: number) => unknown, unknown[]][] = [
    [
      "time",
      ["timestamp", "time", "ts", "@timestamp", "date", "_time"],
      (row) => row.timestampMs,
      (at) => at + 1,
      [1000, 2000, 3000, 4000, 5000, 6000],
    ],
    [
      "level",
      ["level", "severity", "severity_text", "lvl", "loglevel", "log.level", "status"],
      (row) => row.level,
      (at) => ["trace", "debug", "notice", "warn", "error", "fatal", 500][at],
      ["trace", "debug", "info", "warn", "error", "fatal", "error"],
    ],
    [
      "service",
      [
        ..."service service.name service_name app application appname logger".split(" "),
        ...["container_name", "kubernetes.labels.app"],
      ],
      (row) => row.service,
      (at) => `s${at}`,
      ["s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8"],
    ],
    [
      "message",
      ["message", "msg", "body", "log", "text", "event"],
      (row) => row.message,
      (at) => `m${at}`,
      ["m0", "m1", "m2", "m3", "m4", "m5"],
    ],
    [
      "latency",
      [
        ..."duration_ms latency_ms elapsed_ms responseTime metadata.latency".split(" "),
        ...["duration", "latency"],
      ],
      (row) => row.latencyMs,
      (at) => at + 0.5,
      [0.5, 1.5, 2.5, 3.5, 4.5, 5500, 6500],
    ],
    [
      "environment",
      ["env", "environment", "deployment.environment"],
      (row) => row.environment,
      (at) => `e${at}`,
      ["e0", "e1", "e2"],
    ],
  ];

  test.each(ALIASES)(
    "%s: each alias, and the first that is there",
    (_, names, read, give, want) => {
      for (const [at, name] of names.entries()) {
        expect(read(only({ [name]: give(at) })), name).toBe(want[at]);
        // With all later ones, in both orders: the earlier name wins.
        const rest = names.slice(at).map((each, offset) => [each, give(at + offset)] as const);
        expect(read(only(Object.fromEntries(rest))), name).toBe(want[at]);
        expect(read(only(Object.fromEntries(rest.toReversed()))), name).toBe(want[at]);
        // Null and empty are as good as not there.
        const before = names.slice(0, at).map((each, turn) => [each, turn % 2 === 0 ? null : ""]);
        expect(read(only(Object.fromEntries([...before, ...rest]))), name).toBe(want[at]);
      }
    },
  );

  test("dotted names may be nested", () => {
    expect(only({ service: { name: "a" } }).service).toBe("a");
    expect(only({ service: { version: "1" }, app: "a" }).service).toBe("a");
    expect(only({ log: { level: "error" }, msg: "m" })).toMatchObject({
      level: "error",
      message: "m",
    });
    expect(only({ kubernetes: { labels: { app: "a" } } }).service).toBe("a");
    expect(only({ kubernetes: { "labels.app": "a" } }).service).toBe("a");
    expect(only({ "kubernetes.labels": { app: "a" } }).service).toBe("a");
    expect(only({ metadata: { latency: 3 } }).latencyMs).toBe(3);
    expect(only({ deployment: { environment: "prod" } }).environment).toBe("prod");
    expect(only({ other: { service: "a", level: "error" } })).toMatchObject({
      ...{ service: "unknown", level: "info" },
    });
  });

  test("the last of equal keys counts, as in JSON.parse", () => {
    const last = (text: string) => decode(text).rows[0];
    expect(last('{"level":"error","level":"warn"}')?.level).toBe("warn");
    expect(last('{"level":"error","level":null,"lvl":"fatal"}')?.level).toBe("fatal");
    expect(last('{"service":{"name":"a"},"service":{},"app":"b"}')?.service).toBe("b");
  });

  test("names are read through escapes; numbers and booleans as they are written", () => {
    expect(decode('{"\\u0061pp":"caf\\u00e9\\n"}').rows[0]?.service).toBe("café\uFFFD");
    expect(decode('{"app":12.50}').rows[0]?.service).toBe("12.50");
    expect(only({ app: "\u0000" }).service).toBe("\uFFFD");
  });

  test("without a service: the default of the request", () => {
    for (const app of [undefined, null, "", " \t\n", {}, []]) {
      expect(only({ app }, { defaultService: "shop" }).service).toBe("shop");
    }
    expect(only({}, { defaultEnvironment: "prod" }).environment).toBe("prod");
    expect(only({ env: " " }, { defaultEnvironment: "prod" }).environment).toBe("prod");
    expect(only({ env: "dev" }, { defaultEnvironment: "prod" }).environment).toBe("dev");
  });

  test("without a level: what the message says, else info", () => {
    expect(only({ msg: "ERROR it broke" }).level).toBe("error");
    expect(only({ msg: "\tERROR it broke" }).level).toBe("error");
    expect(only({ msg: "all well" }).level).toBe("info");
    expect(only({ note: "ERROR" }).level).toBe("info");
    expect(only({ level: "info", msg: "ERROR it broke" }).level).toBe("info");
    expect(only({ severity_number: 17 }).level).toBe("error");
    expect(only({ severity_number: 17, severity_text: "warn" }).level).toBe("warn");
    expect(only({ status: { code: 2 }, msg: "WARN" }).level).toBe("warn");
  });

  test("latency: ms, or seconds when fractional; nothing that cannot be", () => {
    expect(only({ duration: 12 }).latencyMs).toBe(12);
    expect(only({ duration: 0.25 }).latencyMs).toBe(250);
    expect(decode('{"duration":2.0}').rows[0]?.latencyMs).toBe(2000);
    expect(only({ duration: "0.25" }).latencyMs).toBe(250);
    expect(only({ responseTime: 0 }).latencyMs).toBe(0);
    expect(only({ latency_ms: LATENCY_MS_MAX }).latencyMs).toBe(LATENCY_MS_MAX);
    for (const bad of [-1, LATENCY_MS_MAX + 1, 1e300, "12ms", "fast", true, [1]]) {
      expect(only({ latency_ms: bad }).latencyMs).toBeNull();
    }
  });

  test("count, when asked for", () => {
    expect(only({ count: 7 }).count).toBe(1);
    expect(only({ count: 7 }, { readCount: true }).count).toBe(7);
    expect(only({ count: COUNT_MAX }, { readCount: true }).count).toBe(COUNT_MAX);
    for (const bad of [-1, 1.5, COUNT_MAX + 1, "many"]) {
      expect(only({ count: bad }, { readCount: true }).count).toBe(1);
    }
  });
});

describe("times and levels that cannot be read lose no record", () => {
  test("they are counted at receipt, as info, and named", () => {
    const { rows, report } = decode(
      '{"timestamp":"2026-06-01T11:00:00Z"}\n{"ts":"yesterday","lvl":"banana"}\n{"time":{},"level":true}\n{}',
    );
    expect(rows.slice(1).map((row) => row.timestampMs)).toEqual([
      RECEIPT_MS,
      RECEIPT_MS,
      RECEIPT_MS,
    ]);
    expect(rows.map((row) => row.level)).toEqual(["info", "info", "info", "info"]);
    const time = "Not a time that can be read: counted at receipt time.";
    const level = "Not a level that can be read: counted as info.";
    expect(report).toMatchObject({ accepted: 4, rejected: 0, warningCount: 4 });
    expect(report.warnings).toEqual([
      { index: 1, field: "ts", reason: time },
      { index: 1, field: "lvl", reason: level },
      { index: 2, field: "time", reason: time },
      { index: 2, field: "level", reason: level },
    ]);
  });

  test("more than 5 minutes ahead: counted at receipt, and as future", () => {
    const edge = RECEIPT_MS + FUTURE_MS_MAX;
    const { rows, report } = decode(`{"ts":${edge}}\n{"ts":${edge + 1}}\n{"ts":"2027-06-01"}\n`);
    expect(rows.map((row) => row.timestampMs)).toEqual([edge, RECEIPT_MS, RECEIPT_MS]);
    expect(report).toMatchObject({ accepted: 3, future: 2, warningCount: 0 });
  });
});

describe("limits", () => {
  const nested = (depth: number) => `${'{"a":'.repeat(depth - 1)}{}${"}".repeat(depth - 1)}`;

  test("depth", () => {
    for (const body of [`${nested(DEPTH_MAX)}\n{}`, `[${nested(DEPTH_MAX)},{}]`]) {
      expect(decode(body).report).toMatchObject({ accepted: 2, rejected: 0 });
    }
    const reason = `Nested deeper than ${DEPTH_MAX} levels.`;
    for (const depth of [DEPTH_MAX + 1, 10_000]) {
      for (const body of [`{}\n${nested(depth)}\n{}`, `[{},${nested(depth)},{}]`]) {
        const { report } = decode(body);
        expect(report).toMatchObject({ accepted: 2, errors: [{ index: 1, field: null, reason }] });
      }
    }
    expect(decode("[".repeat(10_000)).fatal?.code).toBe("RECORDS_ALL_INVALID");
    expect(decode('{"service":'.repeat(10_000)).fatal?.code).toBe("RECORDS_ALL_INVALID");
  });

  test("size of a record", () => {
    const sized = (bytes: number) => `{"a":"${"x".repeat(bytes - 8)}"}`;
    expect(sized(100)).toHaveLength(100);
    const reason = `Larger than ${RECORD_BYTES_MAX} bytes.`;
    for (const [open, joint, close] of [["", "\n", "\n"] as const, ["[", ",", "]"] as const]) {
      const body = (bytes: number) => `${open}{}${joint}${sized(bytes)}${joint}{}${close}`;
      expect(decode(body(RECORD_BYTES_MAX)).report).toMatchObject({ accepted: 3 });
      expect(decode(body(RECORD_BYTES_MAX + 1)).report).toMatchObject({
        ...{ accepted: 2, errors: [{ index: 1, reason }] },
      });
    }
  });

  test("a slice overshoots by no more than a record", () => {
    const directory = new SeriesDirectory();
    const decoder = createLogsDecoder(
      Buffer.from("{}\n".repeat(1000)),
      { directory, projectId: directory.project("p"), defaultService: "s", receiptMs: RECEIPT_MS },
      () => {},
    );
    expect(decoder.advance(1)).toBe(false);
    expect(decoder.report.accepted).toBe(1);
    expect(decoder.advance(300)).toBe(false);
    expect(decoder.report.accepted).toBe(101);
    expect(decoder.fatal).toBeNull();
    expect(decoder.advance(1e9)).toBe(true);
    expect(decoder.report.accepted).toBe(1000);
  });

  test("objects over lines that break are not re-read for ever", () => {
    const bad = '{"a":[\n'.repeat(MULTI_LINE_RETRIES_MAX);
    const { report } = decode(`${bad}{"a":\n{"b":1}\n`);
    expect(report).toMatchObject({ accepted: 1, rejected: MULTI_LINE_RETRIES_MAX + 1 });
    const started = process.cpuUsage().user;
    const line = `{"a":["${"x".repeat(5000)}",\n`;
    expect(decode(line.repeat(2000)).rows).toEqual([]);
    // Ten megabytes: read twice, not two hundred times.
    expect(process.cpuUsage().user - started).toBeLessThan(5e6);
  });
});
