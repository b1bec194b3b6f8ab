import { LevelIndex } from "@tracer/core";
import type { CreateDecoder } from "../decoder.ts";
import { isJsonObject, readFields, textOfValue } from "../json-fields.ts";
import { levelOfStatus } from "../level.ts";
import type { ParsedSink } from "../parsed-sink.ts";
import { ValueDecoder } from "./values.ts";

/**
 * Decodes what Vercel's log drains post: an array, or a line each. The service is `projectName`; a request that
 * was answered with 5xx is an error whatever its level; `stderr` of a function that names none is, too.
 */
export const createVercelDecoder: CreateDecoder = (bytes, context, onBatch) =>
  new ValueDecoder(bytes, context, onBatch, { read: readLog });

function readLog(value: unknown, sink: ParsedSink, text: string): void {
  if (!isJsonObject(value)) return sink.sink.reject(null, "Not a JSON object.");
  const record = readFields(value, sink.sink.warn.bind(sink.sink));
  const { proxy } = value;
  const status = Number(value["statusCode"] ?? (isJsonObject(proxy) ? proxy["statusCode"] : 0));
  const byStatus = levelOfStatus(status >= 100 ? status : 200);
  const level = record.level < 0 && value["type"] === "stderr" ? LevelIndex.error : record.level;
  sink.add({
    ...record,
    level: byStatus === LevelIndex.error ? Math.max(level, byStatus) : level,
    service: textOfValue(value["projectName"]) || record.service || textOfValue(value["host"]),
    message: record.message || requestOf(isJsonObject(proxy) ? proxy : value),
    raw: text,
  });
}

function requestOf(request: Readonly<Record<string, unknown>>): string {
  const parts = [request["method"], request["path"], request["statusCode"]].map(textOfValue);
  return parts.filter((part) => part !== "").join(" ");
}
