import type { CreateDecoder } from "../decoder.ts";
import {
  isJsonObject,
  type JsonObject,
  readFields,
  textOfValue,
  timeOfValue,
} from "../json-fields.ts";
import type { ParsedSink } from "../parsed-sink.ts";
import { messageObject } from "./datadog.ts";
import { ValueDecoder } from "./values.ts";

/**
 * Decodes what lay in the records of an Amazon Data Firehose delivery, unpacked and one behind the other: a
 * CloudWatch Logs subscription (`logEvents`; the service is the end of the log group's name), JSON objects
 * with the fields of `POST /logs`, or lines of text.
 */
export const createFirehoseDecoder: CreateDecoder = (bytes, context, onBatch) =>
  new ValueDecoder(bytes, context, onBatch, {
    read: readRecord,
    readLine: (line, sink) => addText(line, { timestampMs: Number.NaN, service: "" }, sink),
  });

function readRecord(value: unknown, sink: ParsedSink, text: string): void {
  if (!isJsonObject(value)) return addText(text, { timestampMs: Number.NaN, service: "" }, sink);
  if (value["messageType"] === "CONTROL_MESSAGE") return; // CloudWatch asks whether somebody is there.
  const { logEvents } = value;
  if (!Array.isArray(logEvents)) {
    return sink.add({ ...readFields(value, sink.sink.warn.bind(sink.sink)), raw: text });
  }
  const service = textOfValue(value["logGroup"]).split("/").at(-1) ?? "";
  for (const event of logEvents) {
    if (!isJsonObject(event)) sink.sink.reject("logEvents", "Not a JSON object.");
    else addText(textOfValue(event["message"]), { ...timeOf(event), service }, sink);
  }
}

function timeOf(event: JsonObject): { timestampMs: number } {
  return { timestampMs: timeOfValue(event["timestamp"]) };
}

function addText(
  line: string,
  { timestampMs, service }: { timestampMs: number; service: string },
  sink: ParsedSink,
): void {
  const message = line.trimEnd();
  const object = messageObject(message);
  if (object === null) {
    return sink.add({
      ...{ timestampMs, service, message, environment: "" },
      ...{ level: -1, latencyMs: Number.NaN },
    });
  }
  const own = readFields(object, sink.sink.warn.bind(sink.sink));
  sink.add({
    ...own,
    timestampMs: Number.isNaN(own.timestampMs) ? timestampMs : own.timestampMs,
    service: own.service || service,
    raw: message,
  });
}
