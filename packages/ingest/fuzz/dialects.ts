import { createBulkDecoder } from "../src/elasticsearch/bulk.ts";
import { BULK_ACTIONS, BulkItems } from "../src/elasticsearch/items.ts";
import { createLokiJsonDecoder } from "../src/loki/json.ts";
import { createOtlpLogsDecoder } from "../src/otlp/logs.ts";
import { expectedRows } from "../src/otlp/oracle.test-helper.ts";
import { otlpTypes } from "../src/otlp/proto.test-helper.ts";
import { createSyslogDecoder } from "../src/syslog.ts";
import { RECEIPT_MS, type Row } from "../src/test-decode.ts";
import { expectedRow } from "../src/test-oracle.ts";
import type { Random } from "./random.ts";
import { recordText } from "./records.ts";
import type { FuzzCase, FuzzSubject } from "./subjects.ts";

/** The decoders of other protocols: no scanner there, so slices are compared with each other, and with an oracle. */
export const DIALECT_SUBJECTS: readonly FuzzSubject[] = [
  { name: "syslog", createDecoder: createSyslogDecoder, write: syslog },
  {
    name: "bulk",
    createDecoder: (bytes, context, onBatch) =>
      createBulkDecoder(bytes, context, onBatch, new BulkItems()),
    write: bulk,
  },
  {
    name: "loki",
    // It undoes escapes where they stand, and a case is decoded many times.
    createDecoder: (bytes, context, onBatch) =>
      createLokiJsonDecoder(Uint8Array.from(bytes), context, onBatch),
    write: loki,
  },
  { name: "otlp_json", createDecoder: createOtlpLogsDecoder, write: otlpJson },
  { name: "otlp_protobuf", createDecoder: createOtlpLogsDecoder, write: otlpProtobuf },
];

/** Spoilt in two cases of five; then nothing is known of it. */
function maybeDamaged(body: Buffer, expected: readonly Row[], random: Random): FuzzCase {
  if (!random.oneIn(3) && !random.oneIn(10)) return { body, expected };
  const bytes = Buffer.from(body);
  for (let edit = random.below(4); edit > 0 && bytes.length > 0; edit -= 1) {
    bytes[random.below(bytes.length)] = random.oneIn(2)
      ? random.below(256)
      : (Buffer.from('{}[]",:\\<>0 \n')[random.below(13)] ?? 0);
  }
  return { body: bytes.subarray(0, random.below(bytes.length + 1)), expected: null };
}

const WORDS = ["order", "paid", "é\u{1f600}", "quo'te", "a.b", "GET", "/cart", "x"] as const;
const SERVICES = ["shop", "api-2", "web.1", "pay/eu"] as const;

function many<Item>(random: Random, make: () => Item): Item[] {
  return Array.from({ length: 1 + random.below(4) }, make);
}

function message(random: Random): string {
  return many(random, () => random.pick(WORDS)).join(" ");
}

function row(random: Random, level: string): Row {
  const named = { service: random.pick(SERVICES), message: message(random) };
  return { timestampMs: RECEIPT_MS, level, environment: "", latencyMs: null, count: 1, ...named };
}

const SYSLOG_LEVELS = ["fatal", "fatal", "fatal", "error", "warn", "info", "info", "debug"];

function syslog(random: Random): FuzzCase {
  const expected: Row[] = [];
  const parts = many(random, () => {
    const severity = random.below(8);
    const said = row(random, SYSLOG_LEVELS[severity] ?? "");
    expected.push(said);
    const priority = `<${8 * random.below(24) + severity}>`;
    const data = random.pick(["-", '[a@1 k="v \\] \\" x"]', '[a b="1"][c]']);
    const text = `${priority}1 - web ${said.service} 77 - ${data} ${random.pick(["", "\uFEFF", " "])}${said.message}${random.pick(["", "\n", "\r\n"])}`;
    return `${Buffer.byteLength(text)} ${text}`;
  });
  return maybeDamaged(Buffer.from(parts.join(random.pick(["", "\n"]))), expected, random);
}

function bulk(random: Random): FuzzCase {
  const expected: Row[] = [];
  const lines = many(random, () => {
    const action = random.pick(BULK_ACTIONS);
    const head = `{"${action}":{"_index":"logs","_id":"${random.below(9)}"}}`;
    if (action === "delete") return [head];
    const record = recordText(random);
    const said = expectedRow(record);
    if (said !== null) expected.push(said);
    return [head, action === "update" ? `{"doc":${record}}` : record];
  }).flat();
  return maybeDamaged(Buffer.from(`${lines.join("\n")}\n`), expected, random);
}

const LEVELS = ["debug", "info", "warn", "error", "fatal"] as const;

function loki(random: Random): FuzzCase {
  const expected: Row[] = [];
  const streams = many(random, () => {
    const { service, level } = row(random, random.pick(LEVELS));
    const values = many(random, () => {
      const said = { ...row(random, level), service, timestampMs: RECEIPT_MS - random.below(1e6) };
      expected.push(said);
      return [`${said.timestampMs}${String(random.below(1e6)).padStart(6, "0")}`, said.message];
    });
    return { stream: { service_name: service, level }, values };
  });
  const text = JSON.stringify({ streams }, null, random.pick([0, 1]));
  return maybeDamaged(Buffer.from(text), expected, random);
}

let types: ReturnType<typeof otlpTypes> | null = null;

function otlpRequest(random: Random) {
  const attribute = (key: string, stringValue: string) => ({ key, value: { stringValue } });
  return {
    resourceLogs: many(random, () => ({
      resource: { attributes: [attribute("service.name", random.pick(SERVICES))] },
      scopeLogs: many(random, () => ({
        logRecords: many(random, () => ({
          timeUnixNano: `${RECEIPT_MS - random.below(1e6)}${String(random.below(1e6)).padStart(6, "0")}`,
          severityNumber: random.below(25),
          body: { stringValue: message(random) },
          attributes: random.oneIn(2) ? [] : [attribute("level", random.pick(LEVELS))],
        })),
      })),
    })),
  };
}

function otlpJson(random: Random): FuzzCase {
  const text = JSON.stringify(otlpRequest(random), null, random.pick([0, 1]));
  return maybeDamaged(Buffer.from(text), expectedRows(JSON.parse(text)), random);
}

function otlpProtobuf(random: Random): FuzzCase {
  types ??= otlpTypes();
  const { encodeLogs, decodeLogs } = types;
  const bytes = Buffer.from(encodeLogs(otlpRequest(random)));
  return maybeDamaged(bytes, expectedRows(decodeLogs(bytes)), random);
}
