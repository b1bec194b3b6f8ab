import type { RecordBatch } from "../batch.ts";
import type { BodyDecoder } from "../decoder.ts";
import type { DecodeContext } from "../sink.ts";
import { JsonLogs } from "./json.ts";
import { ProtobufLogs } from "./protobuf.ts";

/**
 * Decodes the body of OTLP/HTTP `POST /v1/logs`, protobuf or JSON, told by its first bytes. A body without
 * records is fine. Level: the severity number, else its text, else an attribute `level`, else what the body says.
 * Time: that of the event, else when it was observed, else receipt. Service: the resource's `service.name`,
 * else the record's, else the workload of Kubernetes, else the default.
 */
export function createOtlpLogsDecoder(
  bytes: Uint8Array,
  context: DecodeContext,
  onBatch: (batch: RecordBatch) => void,
): BodyDecoder {
  return isJsonBody(bytes)
    ? new JsonLogs(bytes, context, onBatch)
    : new ProtobufLogs(bytes, context, onBatch);
}

/** Whether an OTLP body is JSON. Protobuf begins with a line feed, byte 10: the tag of its field 1. */
export function isJsonBody(bytes: Uint8Array): boolean {
  const first = bytes[0] ?? 0;
  if (first === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return true;
  if (first !== LINE_FEED) return spaceEnd(bytes, 0) < bytes.length && isJsonStart(bytes);
  // White space, a brace and then a key or its end: no request in protobuf has such lengths and such a key.
  const brace = spaceEnd(bytes, 0);
  const next = bytes[spaceEnd(bytes, brace + 1)] ?? 0;
  return bytes[brace] === BRACE && (next === QUOTE || next === BRACE_END);
}

function isJsonStart(bytes: Uint8Array): boolean {
  const byte = bytes[spaceEnd(bytes, 0)] ?? 0;
  return byte === BRACE || byte === 0x5b || byte === QUOTE;
}

function spaceEnd(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < bytes.length && SPACES.has(bytes[at] ?? 0)) at += 1;
  return at;
}

const LINE_FEED = 0x0a;
const QUOTE = 0x22;
const BRACE = 0x7b;
const BRACE_END = 0x7d;
const SPACES: ReadonlySet<number> = new Set([0x20, 0x09, LINE_FEED, 0x0d]);
