import type { CreateDecoder } from "../decoder.ts";
import { isJsonObject, readFields, textOfValue, timeOfValue } from "../json-fields.ts";
import type { ParsedSink } from "../parsed-sink.ts";
import { ValueDecoder } from "./values.ts";

/**
 * Decodes GELF messages: `short_message`, `timestamp` in seconds, `level` of syslog, and fields of one's own behind
 * an underscore (`_service`, `_env`, `_duration_ms`), which mean what they mean in `POST /logs`. The
 * service is `_service` (or its like), else `facility` or `_facility`, else `host`.
 */
export const createGelfDecoder: CreateDecoder = (bytes, context, onBatch) =>
  new ValueDecoder(bytes, context, onBatch, { read: readMessage });

/** Where the service is looked for when no field of one's own names it; a facility is one's own in GELF 1.1. */
const FALLBACKS = ["facility", "_facility", "host"];

function isNamed(name: string): boolean {
  return name !== "";
}

function readMessage(value: unknown, sink: ParsedSink, text: string): void {
  if (!isJsonObject(value)) return sink.sink.reject(null, "Not a JSON object.");
  const fields: Record<string, unknown> = {};
  for (const [key, held] of Object.entries(value))
    if (key.startsWith("_")) fields[key.slice(1)] = held;
  const { timestamp: _timestamp, level: _level, message: _message, ...own } = fields;
  const { level } = value;
  const record = readFields(
    level === undefined ? own : { ...own, level },
    sink.sink.warn.bind(sink.sink),
  );
  const timestampMs = timeOfValue(value["timestamp"]);
  sink.add({
    ...record,
    timestampMs: Number.isNaN(timestampMs) ? record.timestampMs : timestampMs,
    service: record.service || FALLBACKS.map((key) => textOfValue(value[key])).find(isNamed) || "",
    message: textOfValue(value["short_message"]) || textOfValue(value["full_message"]),
    raw: text,
  });
}
