import type { CreateDecoder } from "../decoder.ts";
import { isJsonObject, type JsonObject, readFields, textOfValue } from "../json-fields.ts";
import type { ParsedSink } from "../parsed-sink.ts";
import { ValueDecoder } from "./values.ts";

/**
 * Decodes the body of Datadog's log intake: objects with `message`, `status`, `service` and `ddtags`
 * (`env:prod,service:pay`). A message that is JSON itself is read as Datadog does: what it names comes first,
 * then the object's own fields, then the tags. `{}` alone is the agent asking whether somebody is there.
 */
export const createDatadogDecoder: CreateDecoder = (bytes, context, onBatch) =>
  new ValueDecoder(bytes, context, onBatch, { read: readLog });

function readLog(value: unknown, sink: ParsedSink, text: string): void {
  if (!isJsonObject(value)) return sink.sink.reject(null, "Not a JSON object.");
  if (Object.keys(value).length === 0) return;
  const warn = sink.sink.warn.bind(sink.sink);
  const outer = readFields(value, warn);
  const inner = messageObject(outer.message);
  const own = inner === null ? null : readFields(inner, warn);
  const tags = tagsOf(value["ddtags"]);
  sink.add({
    timestampMs:
      own === null || Number.isNaN(own.timestampMs) ? outer.timestampMs : own.timestampMs,
    level: own !== null && own.level >= 0 ? own.level : outer.level,
    service: own?.service || outer.service || (tags.get("service") ?? ""),
    environment: own?.environment || outer.environment || (tags.get("env") ?? ""),
    message: own?.message || outer.message,
    latencyMs: own === null || Number.isNaN(own.latencyMs) ? outer.latencyMs : own.latencyMs,
    raw: text,
  });
}

/** The object that a message is; null when it is text. */
export function messageObject(message: string): JsonObject | null {
  if (!message.startsWith("{") || !message.trimEnd().endsWith("}")) return null;
  try {
    const value: unknown = JSON.parse(message);
    return isJsonObject(value) ? value : null;
  } catch {
    return null;
  }
}

/** `key:value` pairs of a list with commas, or of an array. The first of a key wins. */
export function tagsOf(tags: unknown): ReadonlyMap<string, string> {
  const list = Array.isArray(tags) ? tags.map(textOfValue) : textOfValue(tags).split(",");
  const found = new Map<string, string>();
  for (const tag of list) {
    const colon = tag.indexOf(":");
    const key = tag.slice(0, colon).trim();
    if (colon > 0 && !found.has(key)) found.set(key, tag.slice(colon + 1).trim());
  }
  return found;
}
