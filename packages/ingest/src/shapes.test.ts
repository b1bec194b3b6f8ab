import { expect, test } from "vitest";
import type { CreateDecoder } from "./decoder.ts";
import { createLogsDecoder } from "./logs.ts";
import { createLokiJsonDecoder } from "./loki/json.ts";
import { isLokiJson } from "./loki/sniff.ts";
import { rowsOf } from "./test-rows.ts";

// Bodies written after the formats of shippers that are not in npm and so are not run here.

function recordsOf(create: CreateDecoder, body: string): string[] {
  const { rows, report } = rowsOf(create, body);
  expect(report.rejected).toBe(0);
  return rows.map(
    ({ timestampMs, level, service, message }) =>
      `${new Date(timestampMs).toISOString()} ${level} ${service} ${message}`,
  );
}

test("Fluent Bit, out_http: json, json_lines and json_stream, with its default json_date_key", () => {
  // Its `date` is seconds with a fraction; the tail input names the line `log`.
  const one = '{"date":1780315199.123456,"log":"ERROR it broke","service":"shop"}';
  const two = '{"date":1780315199.223456,"log":"all well","kubernetes":{"labels":{"app":"web"}}}';
  const expected = [
    "2026-06-01T11:59:59.123Z error shop ERROR it broke",
    "2026-06-01T11:59:59.223Z info web all well",
  ];
  for (const body of [`[${one},${two}]`, `${one}\n${two}\n`, `${one}${two}`]) {
    expect(recordsOf(createLogsDecoder, body)).toEqual(expected);
  }
});

test("Fluent Bit, out_loki: JSON with a line of key=value or JSON", () => {
  const stream = { job: "fluentbit", container: "web" };
  const body = JSON.stringify({
    streams: [
      { stream, values: [["1780315199123456789", 'level="error" log="it broke"']] },
      { stream, values: [["1780315199123456789", '{"level":"warn","log":"slow"}']] },
    ],
  });
  expect(recordsOf(createLokiJsonDecoder, body)).toEqual([
    '2026-06-01T11:59:59.123Z error web level="error" log="it broke"',
    "2026-06-01T11:59:59.123Z warn web slow",
  ]);
});

test("Vector, http sink: a JSON array or NDJSON, with its log schema", () => {
  const event =
    '{"host":"web-1","level":"warn","message":"slow","service":"shop","source_type":"file","timestamp":"2026-06-01T11:59:59.123456789Z"}';
  const expected = "2026-06-01T11:59:59.123Z warn shop slow";
  expect(recordsOf(createLogsDecoder, `[${event},${event}]`)).toEqual([expected, expected]);
  expect(recordsOf(createLogsDecoder, `${event}\n${event}`)).toEqual([expected, expected]);
});

test("Fluentd, out_http: NDJSON, or an array with json_array", () => {
  const event =
    '{"time":"2026-06-01 11:59:59 +0000","container_name":"/shop","log":"[error] it broke"}';
  const expected = "2026-06-01T11:59:59.000Z error /shop [error] it broke";
  expect(recordsOf(createLogsDecoder, `${event}\n${event}\n`)).toEqual([expected, expected]);
  expect(recordsOf(createLogsDecoder, `[${event}]`)).toEqual([expected]);
});

test("a push is told by its first bytes; only where they could be either, by its content type", () => {
  const blockOf123 = Buffer.from([0x7b, 0x20, 0x0a, 0x79, 0x0a, 0, 0, 0, 0, 0, 0]);
  const jsonThatLooksSo = Buffer.from('{ \n"streams":[]}');
  expect(isLokiJson(Buffer.from('{"streams":[]}'), "application/x-protobuf")).toBe(true);
  expect(
    isLokiJson(Buffer.from([0x06, 0x14, 0x0a, 4, 0x0a, 2, 0x7b, 0x7d]), "application/json"),
  ).toBe(false);
  for (const body of [blockOf123, jsonThatLooksSo]) {
    expect(isLokiJson(body, "application/json; charset=utf-8")).toBe(true);
    expect(isLokiJson(body, "application/x-protobuf")).toBe(false);
  }
});
