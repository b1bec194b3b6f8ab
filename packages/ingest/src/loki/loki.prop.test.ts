import { LEVELS } from "@tracer/core";
import fc from "fast-check";
import protobuf from "protobufjs";
import { compress } from "snappyjs";
import { expect, test } from "vitest";
import { levelOfMessage } from "../message-level.ts";
import { RECEIPT_MS, type Row } from "../test-decode.ts";
import { expectedRow } from "../test-oracle.ts";
import { rowsOf } from "../test-rows.ts";
import { createLokiJsonDecoder } from "./json.ts";
import { createLokiProtoDecoder } from "./proto.ts";
import { SnappyInflater, snappyHead } from "./snappy.ts";

// Goal: both formats say the same as a simple model of a push that JSON.parse has read, whatever the slices; what is
// broken is refused whole; nothing throws. Fixed seed.

const SEED = 20_261_123;

interface Entry {
  readonly nanos: string;
  readonly line: string;
  readonly metadata: Record<string, string>;
}
interface Stream {
  readonly labels: Record<string, string>;
  readonly entries: readonly Entry[];
}

const LEVEL_WORDS: Record<string, string> = {
  ...{ error: "error", WARN: "warn", critical: "fatal", info: "info", "50": "error" },
};
const levels = fc.constantFrom(...Object.keys(LEVEL_WORDS), "unknown", "");
const names = fc.constantFrom(
  "api",
  'quo"ted',
  "back\\slash",
  "é\u2028\u{1f600}",
  "new\nline",
  "undefined",
);
const labels = fc.record(
  { service_name: names, app: names, job: names, level: levels, env: names, host: names },
  { requiredKeys: [] },
);
const metadata = fc.record(
  { detected_level: levels, level: levels, service_name: names, trace_id: names },
  { requiredKeys: [] },
);
const jsonLines = fc
  .record(
    {
      level: fc.oneof(levels, fc.constantFrom(30, 50)),
      service: names,
      msg: fc.oneof(names, fc.string({ unit: "binary", maxLength: 12 })),
      duration_ms: fc.constantFrom(12, 0.5),
      x: fc.constantFrom(null, [1, { level: "error" }], { service: "decoy" }),
    },
    { requiredKeys: ["x"] },
  )
  .map((record) => JSON.stringify(record));
const lines = fc.oneof(
  jsonLines,
  jsonLines.map((line) => line.slice(0, -1)),
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.constantFrom("ERROR it broke", "[warn] slow", "", "{", "{}", '{"a":1} x', "a=b", "GET /x?a=b"),
  fc.constantFrom(
    'level=error msg="it broke" duration=1.5s',
    'ts=1 level=warn service=pay latency_ms=7 msg="say \\"no\\""',
    "msg=short level=info env=prod",
  ),
);
const entries = fc.record({
  nanos: fc
    .integer({ min: 1, max: 1_780_000_000_000 })
    .map((ms) => `${ms}000123`.padStart(19, "1")),
  line: lines,
  metadata,
});
const pushes: fc.Arbitrary<Stream[]> = fc.array(
  fc.record({ labels, entries: fc.array(entries, { maxLength: 4 }) }),
  { maxLength: 4 },
);

function firstOf(from: Record<string, string>, keys: readonly string[]): string {
  return (
    keys.map((key) => from[key] ?? "").find((value) => !["", "undefined"].includes(value)) ?? ""
  );
}

function levelIn(from: Record<string, string>): string {
  const keys = ["detected_level", "level"];
  return keys.map((key) => LEVEL_WORDS[from[key] ?? ""] ?? "").find((level) => level !== "") ?? "";
}

const NOTHING = { level: "", service: "", environment: "", latencyMs: null };
type Fields = Pick<Row, "level" | "service" | "environment" | "latencyMs" | "message">;

/** What a line says of itself. The three logfmt lines are known by heart. */
function lineFields(line: string): Fields {
  if (line.startsWith("level=error msg")) {
    return { ...NOTHING, level: "error", latencyMs: 1500, message: "it broke" };
  }
  if (line.startsWith("ts=1")) {
    return { ...NOTHING, level: "warn", service: "pay", latencyMs: 7, message: line };
  }
  if (line.startsWith("msg=short")) {
    return { ...NOTHING, level: "info", environment: "prod", message: "short" };
  }
  const row = line.startsWith("{") ? expectedRow(line) : null;
  if (row === null) return { ...NOTHING, level: spoken(line), message: line };
  const service = row.service === "unknown" ? "" : row.service;
  const record: Record<string, unknown> = JSON.parse(line);
  const named =
    typeof record["level"] === "number" ? "error info" : LEVEL_WORDS[`${record["level"]}`];
  const level = named === undefined ? spoken(row.message) : row.level;
  return { ...row, service, level };
}

function spoken(message: string): string {
  const bytes = Buffer.from(message);
  return LEVELS[levelOfMessage(bytes, 0, bytes.length)] ?? "";
}

function modelOf(push: readonly Stream[]): Row[] {
  return push.flatMap((stream) =>
    stream.entries.map((entry): Row => {
      const inLine = lineFields(entry.line);
      const service =
        firstOf(stream.labels, ["service_name", "app", "job"]) ||
        firstOf(entry.metadata, ["service_name"]) ||
        inLine.service;
      const timestampMs = Number(entry.nanos.slice(0, -6));
      return {
        timestampMs: timestampMs > RECEIPT_MS + 300_000 ? RECEIPT_MS : timestampMs,
        level: levelIn(entry.metadata) || levelIn(stream.labels) || inLine.level,
        service: shown(service) || "unknown",
        environment: shown(firstOf(stream.labels, ["env"]) || inLine.environment),
        latencyMs: inLine.latencyMs,
        count: 1,
        message: Buffer.from(inLine.message).toString(),
      };
    }),
  );
}

/** As the directory cleans a name. */
function shown(name: string): string {
  return name.replace(/[\n\u2028]/g, "\uFFFD");
}

function jsonOf(push: readonly Stream[], legacy: boolean, valuesFirst: boolean): string {
  const streams = push.map((stream) => {
    const values = stream.entries.map(({ nanos, line, metadata: held }) =>
      legacy ? { structuredMetadata: held, ts: nanos, line } : [nanos, line, held],
    );
    const [labelKey, held] = legacy
      ? ["labels", labelsText(stream.labels)]
      : ["stream", stream.labels];
    const key = legacy ? "entries" : "values";
    return valuesFirst ? { [key]: values, [labelKey]: held } : { [labelKey]: held, [key]: values };
  });
  return JSON.stringify({ streams });
}

function labelsText(held: Record<string, string>): string {
  const quoted = (value: string) => value.replace(/[\\"]/g, "\\$&").replaceAll("\n", "\\n");
  return `{${Object.entries(held)
    .map(([name, value]) => `${name}="${quoted(value)}"`)
    .join(", ")}}`;
}

const { root } = protobuf.parse(`syntax = "proto3";
  message PushRequest { repeated StreamAdapter streams = 1; }
  message StreamAdapter { string labels = 1; repeated EntryAdapter entries = 2; uint64 hash = 3; }
  message EntryAdapter { Timestamp timestamp = 1; string line = 2; repeated Pair structuredMetadata = 3; }
  message Pair { string name = 1; string value = 2; }
  message Timestamp { int64 seconds = 1; int32 nanos = 2; }`);
const PushRequest = root.lookupType("PushRequest");

function protoOf(push: readonly Stream[]): Uint8Array {
  const streams = push.map((stream) => ({
    labels: labelsText(stream.labels),
    hash: 7,
    entries: stream.entries.map(({ nanos, line, metadata: held }) => ({
      timestamp: { seconds: Number(nanos.slice(0, -9)), nanos: Number(nanos.slice(-9)) },
      line,
      structuredMetadata: Object.entries(held).map(([name, value]) => ({ name, value })),
    })),
  }));
  return PushRequest.encode(PushRequest.create({ streams })).finish();
}

function inflated(block: Uint8Array): Buffer | null {
  const head = snappyHead(block);
  if (head === null) return null;
  const inflater = new SnappyInflater(block, head);
  for (;;) {
    const outcome = inflater.advance(3);
    if (outcome !== "more") return outcome === "done" ? inflater.inflated : null;
  }
}

test("JSON in both its forms, and protobuf, say what the model says, whole and in slices", () => {
  fc.assert(
    fc.property(pushes, fc.boolean(), fc.integer({ min: 1, max: 60 }), (push, first, slice) => {
      const expected = modelOf(push);
      for (const legacy of [false, true]) {
        const body = jsonOf(push, legacy, first);
        for (const bytes of [Number.POSITIVE_INFINITY, slice]) {
          const { rows, fatal } = rowsOf(createLokiJsonDecoder, body, bytes);
          expect(rows).toEqual(expected);
          expect(fatal).toBeNull();
        }
      }
      const proto = protoOf(push);
      for (const bytes of [Number.POSITIVE_INFINITY, slice]) {
        const { rows, fatal } = rowsOf(createLokiProtoDecoder, proto, bytes);
        expect(rows).toEqual(expected);
        expect(fatal).toBeNull();
      }
    }),
    { seed: SEED, numRuns: 120 },
  );
});

test("JSON cut at any byte is refused, and a byte changed at random as JSON.parse judges it", () => {
  const edit = fc.tuple(fc.nat(), fc.constantFrom(...'{}[]",:\\x0-e\t\n'));
  fc.assert(
    fc.property(pushes, fc.boolean(), fc.array(edit, { maxLength: 3 }), (push, legacy, edits) => {
      const bytes = Buffer.from(jsonOf(push, legacy, false));
      for (let end = 0; end < bytes.length; end += 1) {
        const cut = rowsOf(createLokiJsonDecoder, bytes.subarray(0, end));
        expect(cut.fatal).not.toBeNull();
      }
      for (const [at, byte] of edits) bytes[at % bytes.length] = byte.charCodeAt(0);
      const { fatal, rows } = rowsOf(createLokiJsonDecoder, bytes);
      expect(rowsOf(createLokiJsonDecoder, bytes, 7).rows).toEqual(rows);
      if (!isJson(bytes)) expect(fatal).not.toBeNull();
      else if (fatal !== null) expect(fatal.message).not.toContain("Broken");
    }),
    { seed: SEED, numRuns: 12 },
  );
});

function isJson(bytes: Buffer): boolean {
  try {
    JSON.parse(bytes.toString("utf8"));
    return true;
  } catch {
    return false;
  }
}

test("protobuf cut or changed anywhere never throws, comes to an end, and slices agree", () => {
  fc.assert(
    fc.property(
      pushes,
      fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 4 }),
      (push, edits) => {
        const bytes = Buffer.from(protoOf(push));
        for (let end = 0; end < bytes.length; end += 1) {
          const cut = rowsOf(createLokiProtoDecoder, bytes.subarray(0, end));
          expect(cut.rows).toHaveLength(cut.report.accepted);
        }
        if (bytes.length > 0) for (const [at, byte] of edits) bytes[at % bytes.length] = byte;
        const whole = rowsOf(createLokiProtoDecoder, bytes);
        const sliced = rowsOf(createLokiProtoDecoder, bytes, 5);
        expect(sliced).toEqual(whole);
      },
    ),
    { seed: SEED, numRuns: 12 },
  );
});

test("Snappy: what another library compressed comes out; cut or changed blocks never throw", () => {
  const texts = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc
      .tuple(fc.string({ minLength: 1 }), fc.integer({ min: 1, max: 400 }))
      .map(([text, times]) => Buffer.from(text.repeat(times))),
  );
  fc.assert(
    fc.property(texts, fc.nat(), fc.nat({ max: 255 }), (plain, at, byte) => {
      const block = Buffer.from(compress(Buffer.from(plain)));
      expect(inflated(block)).toEqual(Buffer.from(plain));
      for (let end = 0; end < block.length; end += 1) {
        expect(inflated(block.subarray(0, end))).toBeNull();
      }
      block[at % block.length] = byte;
      const changed = inflated(block);
      if (changed !== null) expect(changed).toHaveLength(snappyHead(block)?.length ?? -1);
    }),
    { seed: SEED, numRuns: 60 },
  );
});
