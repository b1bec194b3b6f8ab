import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { EXEMPLAR_BYTES_MAX } from "../exemplars.ts";
import { DEPTH_MAX, RECORD_BYTES_MAX } from "../json-walker.ts";
import { RECEIPT_MS } from "../test-decode.ts";
import { decodeOtlp } from "./decode.test-helper.ts";
import { isJsonBody } from "./logs.ts";
import { SHOWN_DEPTH_MAX } from "./plain.ts";
import { otlpTypes } from "./proto.test-helper.ts";
import { GROUPS_MAX } from "./wire.ts";

const { encodeLogs } = otlpTypes();

/** A request with these records of one service. */
function requestOf(records: readonly object[], resource: readonly [string, string][] = []) {
  const attributes = resource.map(([key, stringValue]) => ({ key, value: { stringValue } }));
  return { resourceLogs: [{ resource: { attributes }, scopeLogs: [{ logRecords: records }] }] };
}

/** The one row, from protobuf and from JSON; both must be the same. */
function rowOf(record: object, resource: readonly [string, string][] = []) {
  const request = requestOf([record], resource);
  const fromProtobuf = decodeOtlp(encodeLogs(request)).rows;
  expect(decodeOtlp(JSON.stringify(request)).rows).toEqual(fromProtobuf);
  expect(fromProtobuf).toHaveLength(1);
  return fromProtobuf[0];
}

const text = (stringValue: string) => ({ stringValue });

describe("what a record says", () => {
  test("time: of the event, else observed, else receipt; cut to ms exactly", () => {
    const observedTimeUnixNano = "1780000000999999999";
    expect(rowOf({ timeUnixNano: "1780000000123999999", observedTimeUnixNano })).toMatchObject({
      timestampMs: 1_780_000_000_123,
    });
    expect(rowOf({ timeUnixNano: "0", observedTimeUnixNano })).toMatchObject({
      timestampMs: 1_780_000_000_999,
    });
    expect(rowOf({})).toMatchObject({ timestampMs: RECEIPT_MS });
    // Senders that put ms or seconds there: by magnitude, as in POST /logs.
    expect(rowOf({ timeUnixNano: "1780000000123" })).toMatchObject({
      timestampMs: 1_780_000_000_123,
    });
    expect(rowOf({ timeUnixNano: "1780000000" })).toMatchObject({ timestampMs: 1_780_000_000_000 });
  });

  test("level: number, text, attribute, the map's own, then the message", () => {
    expect(rowOf({ severityNumber: 18, severityText: "INFO" })).toMatchObject({ level: "error" });
    expect(rowOf({ severityNumber: 0, severityText: "Warning" })).toMatchObject({ level: "warn" });
    expect(rowOf({ attributes: [{ key: "level", value: text("fatal") }] })).toMatchObject({
      level: "fatal",
    });
    const map = { kvlistValue: { values: [{ key: "level", value: { intValue: 50 } }] } };
    expect(rowOf({ body: map })).toMatchObject({ level: "error", message: '{"level":50}' });
    expect(rowOf({ body: text("ERROR it broke") })).toMatchObject({ level: "error" });
    expect(rowOf({ severityNumber: 99, body: text("fine") })).toMatchObject({ level: "info" });
    expect(rowOf({})).toMatchObject({ level: "info" });
  });

  test("a severity that cannot be read is a warning, not a refusal", () => {
    const { report } = decodeOtlp(encodeLogs(requestOf([{ severityNumber: 99 }])));
    expect(report).toMatchObject({ accepted: 1, rejected: 0, warningCount: 1 });
    expect(report.warnings[0]).toMatchObject({ index: 0, field: "severity_number" });
  });

  test("service and environment: the resource's, the record's, the workload's, the default", () => {
    const attributes = [
      { key: "service.name", value: text("own") },
      { key: "env", value: text("dev") },
    ];
    const both: [string, string][] = [
      ["service.name", "shop"],
      ["deployment.environment", "old"],
      ["deployment.environment.name", "prod"],
    ];
    expect(rowOf({ attributes }, both)).toMatchObject({ service: "shop", environment: "prod" });
    expect(rowOf({ attributes })).toMatchObject({ service: "own", environment: "dev" });
    const unnamed: [string, string][] = [["service.name", "unknown_service:node"]];
    expect(rowOf({ attributes }, unnamed)).toMatchObject({ service: "own" });
    expect(rowOf({}, unnamed)).toMatchObject({ service: "unknown_service:node" });
    expect(rowOf({}, [...unnamed, ["k8s.deployment.name", "cart"]])).toMatchObject({
      service: "cart",
    });
    expect(rowOf({})).toMatchObject({ service: "unknown", environment: "" });
  });

  test("latency: ms keys; `duration` in seconds when it is a double", () => {
    const latencyOf = (key: string, value: object) =>
      rowOf({ attributes: [{ key, value }] })?.latencyMs;
    expect(latencyOf("duration_ms", { intValue: 12 })).toBe(12);
    expect(latencyOf("duration", { intValue: 12 })).toBe(12);
    expect(latencyOf("duration", { doubleValue: 2 })).toBe(2_000);
    expect(latencyOf("latency", text("0.25"))).toBe(250);
    expect(latencyOf("latency", text("soon"))).toBeNull();
    expect(latencyOf("duration_ms", { doubleValue: -1 })).toBeNull();
  });

  test("bodies of every kind become text", () => {
    const messageOf = (body: object) => rowOf({ body })?.message;
    expect(messageOf({ intValue: "-9007199254740993" })).toBe("-9007199254740993");
    expect(messageOf({ boolValue: true })).toBe("true");
    expect(messageOf({ doubleValue: 1.5 })).toBe("1.5");
    expect(messageOf({ bytesValue: Buffer.from("raw").toString("base64") })).toBe("raw");
    expect(messageOf({ arrayValue: { values: [text("a"), { intValue: 1 }] } })).toBe('["a",1]');
    const values = [
      { key: "level", value: text("warn") },
      { key: "msg", value: text("said so") },
    ];
    expect(messageOf({ kvlistValue: { values } })).toBe("said so");
    expect(
      rowOf({ attributes: [{ key: "exception.message", value: text("boom") }] })?.message,
    ).toBe("boom");
    expect(rowOf({ eventName: "checkout.done" })?.message).toBe("checkout.done");
  });

  test("many bodies that are no text: each keeps its own", () => {
    const records = Array.from({ length: 2_000 }, (_, index) => ({ body: { intValue: index } }));
    const { rows } = decodeOtlp(encodeLogs(requestOf(records)), 100);
    expect(rows.map(({ message }) => message)).toEqual(records.map((_, index) => String(index)));
  });
});

describe("JSON as it is written", () => {
  const one = (record: string) =>
    decodeOtlp(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[${record}]}]}]}`);

  test("snake case, enum names, numbers instead of strings, null, unknown fields, hex ids", () => {
    const body = `\uFEFF\n{ "resource_logs": [ { "schemaUrl": null, "scope_logs": [ { "x": [{}], "log_records": [ {
      "time_unix_nano": 1780000000123456789, "severity_number": "SEVERITY_NUMBER_ERROR2",
      "traceId": "5B8EFFF798038103D269B633813FC60C", "flags": 1, "body": { "string_value": "down" } } ] } ],
      "resource": { "attributes": [ { "key": "service.name", "value": { "string_value": "late" } } ] } } ] }`;
    expect(decodeOtlp(body).rows).toMatchObject([
      { level: "error", message: "down", service: "late", timestampMs: 1_780_000_000_123 },
    ]);
  });

  test("values without their wrapper, and keys with escapes", () => {
    const record = String.raw`{"b\u006fdy":"a\tb","attributes":[{"value":7,"k\u0065y":"duration_ms"}]}`;
    expect(one(record).rows).toMatchObject([{ message: "a\tb", latencyMs: 7 }]);
  });

  test("requests that follow each other, as a file exporter writes them", () => {
    const line = JSON.stringify(requestOf([{ body: text("x") }]));
    expect(decodeOtlp(`${line}\n${line}\n${line}`).rows).toHaveLength(3);
  });

  test("what is no LogRecord is refused alone; what is no JSON ends the body", () => {
    expect(one('{},17,{"body":{}}').report).toMatchObject({ accepted: 2, rejected: 1 });
    expect(one("{},{]").report).toMatchObject({ accepted: 1, rejected: 1 });
    expect(one("{]").fatal).toMatchObject({ code: "BODY_NOT_LOGS" });
    expect(one("17").fatal).toMatchObject({ code: "RECORDS_ALL_INVALID" });
    expect(decodeOtlp('{"message":"x"}').fatal).toMatchObject({ code: "BODY_NOT_LOGS" });
    expect(decodeOtlp("[]").fatal).toMatchObject({ code: "BODY_NOT_LOGS" });
    expect(decodeOtlp("{} x").fatal).toMatchObject({ code: "BODY_NOT_LOGS" });
    expect(decodeOtlp("{}").fatal).toBeNull();
  });

  test("a record may be nested DEPTH_MAX deep, and RECORD_BYTES_MAX long", () => {
    const nested = (depth: number) => `{"x":${"[".repeat(depth)}${"]".repeat(depth)}}`;
    expect(one(nested(DEPTH_MAX - 1)).report.accepted).toBe(1);
    expect(one(nested(DEPTH_MAX)).report.accepted).toBe(0);
    const long = (bytes: number) => `{"x":"${"y".repeat(bytes - 8)}"}`;
    expect(one(long(RECORD_BYTES_MAX)).report.accepted).toBe(1);
    expect(one(long(RECORD_BYTES_MAX + 1)).report.accepted).toBe(0);
  });
});

describe("hostile protobuf", () => {
  /** A record's tag and a length of two bytes. */
  const long = (bytes: number) => [0x12, (bytes & 0x7f) | 0x80, (bytes >> 7) & 0x7f];

  test("lengths beyond the body, of 2^31 and of 2^63: nothing but a refusal", () => {
    for (const length of [[0x7f], [0xff, 0xff, 0xff, 0xff, 0x07], [...Array(9).fill(0xff), 0x01]]) {
      const { fatal } = decodeOtlp(Uint8Array.from([0x0a, ...length]));
      expect(fatal).toMatchObject({ code: "BODY_CUT_OFF" });
    }
    for (const body of [[0x0a], [0x0f], [0x0c], [0x02, 0x00], Array(11).fill(0x80)]) {
      expect(decodeOtlp(Uint8Array.from(body)).fatal).toMatchObject({ code: "BODY_NOT_LOGS" });
    }
  });

  test("unknown fields and groups are passed over, GROUPS_MAX deep", () => {
    const grouped = (depth: number) => [...Array(depth).fill(0x7b), ...Array(depth).fill(0x7c)];
    const record = (inner: number[]) => {
      const record = [...long(inner.length), ...inner];
      const scope = [...long(record.length), ...record];
      return Uint8Array.from([0x0a, ...long(scope.length).slice(1), ...scope]);
    };
    expect(decodeOtlp(record(grouped(GROUPS_MAX))).report).toMatchObject({ accepted: 1 });
    expect(decodeOtlp(record(grouped(GROUPS_MAX + 1))).report).toMatchObject({ rejected: 1 });
    // Known numbers in wire types that they do not have: a varint as time, bytes as severity.
    expect(decodeOtlp(record([0x08, 0x01, 0x12, 0x01, 0x05])).rows).toMatchObject([
      { timestampMs: RECEIPT_MS, level: "info" },
    ]);
  });

  test("10^5 resources without a record, and 10^5 empty records", { timeout: 60_000 }, () => {
    const empty = new Uint8Array(200_000);
    for (let at = 0; at < empty.length; at += 2) empty[at] = 0x0a;
    expect(decodeOtlp(empty, 20_000)).toMatchObject({ rows: [], fatal: null });
    // Likewise of the records of one scope, by hand: 200,000 bytes behind tags and lengths.
    const lengthOf = (bytes: number) => [(bytes & 0x7f) | 0x80, (bytes >> 7) | 0x80, bytes >> 14];
    const records = Buffer.alloc(200_000).map((_, at) => (at % 2 === 0 ? 0x12 : 0));
    const frame = Buffer.concat([Buffer.from([0x12, ...lengthOf(records.length)]), records]);
    const body = Buffer.concat([Buffer.from([0x0a, ...lengthOf(frame.length)]), frame]);
    expect(decodeOtlp(body, 20_000).report.accepted).toBe(100_000);
  });

  test("a record of RECORD_BYTES_MAX counts, a longer one is refused alone", () => {
    const body = (bytes: number) => requestOf([{ body: text("y".repeat(bytes)) }, {}]);
    const around = 8; // Tags and lengths around the text: 1 + 3, twice.
    const fits = decodeOtlp(encodeLogs(body(RECORD_BYTES_MAX - around))).report;
    expect(fits).toMatchObject({ accepted: 2, rejected: 0 });
    const beyond = decodeOtlp(encodeLogs(body(RECORD_BYTES_MAX - around + 1))).report;
    expect(beyond).toMatchObject({ accepted: 1, rejected: 1 });
  });

  test("a body nested deeper than SHOWN_DEPTH_MAX is shown up to there", () => {
    const nested = (depth: number): object =>
      depth === 0 ? text("end") : { arrayValue: { values: [nested(depth - 1)] } };
    const record = (depth: number) => rowOf({ body: nested(depth) })?.message;
    expect(record(SHOWN_DEPTH_MAX)).toContain("end");
    expect(record(SHOWN_DEPTH_MAX + 1)).toContain("…");
    // 400 values inside each other, by hand: an array, its value, its array …
    const wrapped = (inner: Buffer, tag: number) =>
      Buffer.concat([Buffer.from([tag, ...long(inner.length).slice(1)]), inner]);
    let any = Buffer.from([0x10, 1]);
    for (let depth = 0; depth < 400; depth += 1) any = wrapped(wrapped(any, 0x0a), 0x2a);
    const body = [0x2a, 0x12, 0x12, 0x0a].reduce(wrapped, any);
    expect(decodeOtlp(body).rows).toMatchObject([{ message: expect.stringContaining("…") }]);
  });

  test("a message is shown up to EXEMPLAR_BYTES_MAX, also one that was made", () => {
    const list = { arrayValue: { values: Array.from({ length: 5_000 }, () => text("é")) } };
    const message = rowOf({ body: list })?.message ?? "";
    expect(Buffer.byteLength(message)).toBeLessThanOrEqual(EXEMPLAR_BYTES_MAX);
    expect(Buffer.byteLength(message)).toBeGreaterThan(EXEMPLAR_BYTES_MAX - 4);
  });
});

test("cut off at any byte: refused, or counted up to the cut and said", () => {
  const request = requestOf(
    [{ body: text("one"), severityNumber: 17 }, { body: { intValue: 2 } }, { body: text("three") }],
    [["service.name", "shop"]],
  );
  const bodies = [encodeLogs(request), Buffer.from(JSON.stringify(request))];
  const whole = decodeOtlp(bodies[0] ?? "").rows;
  for (const body of bodies) {
    for (let length = 1; length < body.length; length += 1) {
      const { rows, report, fatal } = decodeOtlp(body.subarray(0, length), 5);
      expect(report.rejected).toBe(1);
      expect(rows).toEqual(whole.slice(0, rows.length));
      expect(fatal === null).toBe(rows.length > 0);
    }
  }
});

test("JSON is told from protobuf by its first bytes, also behind white space", () => {
  for (const body of ["{}", " \n{", '\n{"', "\n\n\t{\r\n}", "\uFEFF{", "[1]"]) {
    expect([body, isJsonBody(Buffer.from(body))]).toEqual([body, true]);
  }
  // 123 bytes of a ResourceLogs: byte 123 is a brace.
  const resourceLogs = requestOf([{ body: text("y".repeat(115)) }]);
  const bytes = encodeLogs({
    resourceLogs: [{ scopeLogs: resourceLogs.resourceLogs[0]?.scopeLogs }],
  });
  expect([bytes[0], bytes[1]]).toEqual([0x0a, 0x7b]);
  expect(decodeOtlp(bytes).rows).toHaveLength(1);
});

test("what real clients sent: recorded bodies", () => {
  const folder = new URL("../testdata/otlp/", import.meta.url);
  const files = readdirSync(folder);
  expect(files).toHaveLength(4);
  for (const file of files) {
    const { rows, report } = decodeOtlp(readFileSync(new URL(file, folder)), 100);
    expect([file, report.rejected, report.warningCount]).toEqual([file, 0, 0]);
    const mode = file.replace(/\..*$/, "");
    const levels = ["trace", "debug", "info", "warn", "error", "fatal"];
    const expected = rows.map((_, index) => ({
      level: levels[index % 6],
      service: `otlp-${mode}`,
      environment: "staging",
      latencyMs: index + 0.5,
      message: `order ${index} handled`,
    }));
    expect(rows.length).toBeGreaterThanOrEqual(20);
    expect(rows).toMatchObject(expected);
  }
});
