import { LevelIndex } from "@tracer/core";
import type { CreateDecoder } from "../decoder.ts";
import {
  isJsonObject,
  type JsonObject,
  readFields,
  textOfValue,
  timeOfValue,
} from "../json-fields.ts";
import { levelOfStatus } from "../level.ts";
import type { ParsedSink } from "../parsed-sink.ts";
import { LATENCY_MS_MAX } from "../record.ts";
import { ValueDecoder } from "./values.ts";

/**
 * Decodes what Cloudflare Logpush posts, a line each: HTTP requests (the service is `ClientRequestHost`, 5xx is an error),
 * Workers' trace events (`ScriptName`, `Outcome`), and others by the fields of `POST /logs`. The test that comes
 * first, `{"content":"tests"}`, is no record.
 */
export const createCloudflareDecoder: CreateDecoder = (bytes, context, onBatch) =>
  new ValueDecoder(bytes, context, onBatch, { read: readLog });

function readLog(value: unknown, sink: ParsedSink, text: string): void {
  if (!isJsonObject(value)) return sink.sink.reject(null, "Not a JSON object.");
  if (/^tests?$/.test(textOfValue(value["content"]))) return;
  if (value["ScriptName"] !== undefined) return readWorker(value, sink, text);
  const status = Number(value["EdgeResponseStatus"] || value["OriginResponseStatus"] || Number.NaN);
  const fields = readFields(value, sink.sink.warn.bind(sink.sink));
  const timestampMs = timeOfValue(value["EdgeStartTimestamp"] ?? value["Datetime"]);
  const request = ["ClientRequestMethod", "ClientRequestURI", "EdgeResponseStatus"]
    .map((key) => textOfValue(value[key]))
    .filter((part) => part !== "");
  sink.add({
    timestampMs: Number.isNaN(timestampMs) ? fields.timestampMs : timestampMs,
    level: Number.isNaN(status) ? fields.level : levelOfStatus(Math.max(100, status)),
    service: textOfValue(value["ClientRequestHost"]) || fields.service,
    environment: fields.environment,
    message: fields.message || request.join(" "),
    latencyMs: latencyOf(value["EdgeTimeToFirstByteMs"] ?? value["OriginResponseDurationMs"]),
    raw: text,
  });
}

function readWorker(value: JsonObject, sink: ParsedSink, text: string): void {
  const outcome = textOfValue(value["Outcome"]);
  const exceptions = Array.isArray(value["Exceptions"]) ? value["Exceptions"] : [];
  const thrown = exceptions
    .filter(isJsonObject)
    .map((exception) => textOfValue(exception["Message"]));
  const failed =
    thrown.length > 0 || !["ok", "canceled", "responseStreamDisconnected"].includes(outcome);
  sink.add({
    timestampMs: timeOfValue(value["EventTimestampMs"]),
    level: failed ? LevelIndex.error : LevelIndex.info,
    service: textOfValue(value["ScriptName"]),
    environment: "",
    message: thrown[0] || `${textOfValue(value["EventType"])} ${outcome}`.trim(),
    latencyMs: latencyOf(value["WallTimeMs"]),
    raw: text,
  });
}

function latencyOf(value: unknown): number {
  const ms = typeof value === "number" ? value : Number.NaN;
  return ms >= 0 && ms <= LATENCY_MS_MAX ? ms : Number.NaN;
}
