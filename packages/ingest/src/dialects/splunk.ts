import type { CreateDecoder } from "../decoder.ts";
import { isJsonObject, readFields, textOfValue, timeOfValue } from "../json-fields.ts";
import type { ParsedRecord, ParsedSink } from "../parsed-sink.ts";
import { messageObject } from "./datadog.ts";
import { ValueDecoder } from "./values.ts";

/** Why an event is refused, in Splunk's own words. */
export const SPLUNK_EVENT_MISSING = "Event field is required";
export const SPLUNK_EVENT_BLANK = "Event field cannot be blank";

/** Source types and sources that say how the event is written, not who wrote it. */
const FORMATS: ReadonlySet<string> = new Set(
  "_json json httpevent generic_single_line manual stdout stderr winston winston-splunk-logger".split(
    " ",
  ),
);

/**
 * Decodes the body of Splunk's HTTP Event Collector: objects with `event`, a text or an object, one behind the
 * other or in an array. What the event names comes first, then `fields`, then `source` and `sourcetype`.
 */
export const createSplunkDecoder: CreateDecoder = (bytes, context, onBatch) =>
  new ValueDecoder(bytes, context, onBatch, { read: readEvent });

/** Decodes the body of the collector's raw endpoint: a line each, of text or a JSON object. */
export const createSplunkRawDecoder: CreateDecoder = (bytes, context, onBatch) =>
  new ValueDecoder(bytes, context, onBatch, {
    read: (value, sink, text) => {
      if (isJsonObject(value)) return sink.add({ ...fieldsOf(value, sink), raw: text });
      sink.add(textRecord(text));
    },
    readLine: (line, sink) => sink.add(textRecord(line)),
  });

function readEvent(value: unknown, sink: ParsedSink): void {
  if (!isJsonObject(value)) return sink.sink.reject(null, "Not a JSON object.");
  const { event } = value;
  if (event === undefined || event === null) return sink.sink.reject("event", SPLUNK_EVENT_MISSING);
  if (event === "") return sink.sink.reject("event", SPLUNK_EVENT_BLANK);
  const record = recordOf(event, sink);
  const { fields } = value;
  const indexed = isJsonObject(fields) ? fieldsOf(fields, sink) : textRecord("");
  const outerMs = timeOfValue(value["time"]);
  sink.add({
    timestampMs: Number.isNaN(outerMs) ? record.timestampMs : outerMs,
    level: record.level >= 0 ? record.level : indexed.level,
    service:
      record.service || indexed.service || nameOf(value["source"]) || nameOf(value["sourcetype"]),
    environment: record.environment || indexed.environment,
    message: record.message,
    raw: typeof event === "string" ? event : JSON.stringify(event),
    latencyMs: Number.isNaN(record.latencyMs) ? indexed.latencyMs : record.latencyMs,
  });
}

/** `event` may be a text, JSON in a text, an object, or an object around one of these (`line`, `message`). */
function recordOf(event: unknown, sink: ParsedSink): ParsedRecord {
  const object = typeof event === "string" ? messageObject(event) : event;
  if (!isJsonObject(object)) return textRecord(textOfValue(event));
  const outer = fieldsOf(object, sink);
  // Docker's driver keeps the line under `line`; splunk-logging an object under `message`.
  const held =
    [object["line"], object["message"]].find(isJsonObject) ?? messageObject(outer.message);
  const inner = held === null ? textRecord("") : fieldsOf(held, sink);
  // winston-splunk-httplogger keeps what goes with a message under `meta`.
  const meta = [held?.["meta"], object["meta"]].find(isJsonObject);
  const layers = [inner, outer, meta === undefined ? textRecord("") : fieldsOf(meta, sink)];
  return {
    timestampMs: firstOf(layers.map(({ timestampMs }) => timestampMs)),
    level: layers.find(({ level }) => level >= 0)?.level ?? -1,
    service: layers.find(({ service }) => service !== "")?.service ?? "",
    environment: layers.find(({ environment }) => environment !== "")?.environment ?? "",
    message: inner.message || outer.message || textOfValue(object["line"]),
    latencyMs: firstOf(layers.map(({ latencyMs }) => latencyMs)),
  };
}

function firstOf(values: readonly number[]): number {
  return values.find((value) => !Number.isNaN(value)) ?? Number.NaN;
}

function fieldsOf(object: Readonly<Record<string, unknown>>, sink: ParsedSink): ParsedRecord {
  return readFields(object, sink.sink.warn.bind(sink.sink));
}

function textRecord(message: string): ParsedRecord {
  return {
    ...{ timestampMs: Number.NaN, level: -1, latencyMs: Number.NaN },
    ...{ service: "", environment: "", message },
  };
}

/** A source or source type as a service: not one that says how the event is written, nor where it lay. */
function nameOf(value: unknown): string {
  const name = textOfValue(value);
  return FORMATS.has(name) || name.includes("/") || name.includes(":") ? "" : name;
}
