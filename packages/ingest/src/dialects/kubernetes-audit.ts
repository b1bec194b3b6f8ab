import { LevelIndex } from "@tracer/core";
import type { CreateDecoder } from "../decoder.ts";
import { isJsonObject, type JsonObject, textOfValue, timeOfValue } from "../json-fields.ts";
import { levelOfStatus } from "../level.ts";
import type { ParsedSink } from "../parsed-sink.ts";
import { LATENCY_MS_MAX } from "../record.ts";
import { ValueDecoder } from "./values.ts";

const SERVICE = "kube-apiserver";

/**
 * Decodes what the webhook backend of the Kubernetes audit log posts: an `EventList`, or events alone. 5xx and a panic
 * are errors; latency is that of the answer, except for `watch` and its like, which are to last. The service
 * is that of `?service=`, else `kube-apiserver`. (`level` of an audit event says how much it tells, not how grave it is.)
 */
export const createKubernetesAuditDecoder: CreateDecoder = (bytes, context, onBatch) => {
  const service = context.defaultService === "unknown" ? SERVICE : context.defaultService;
  return new ValueDecoder(bytes, context, onBatch, {
    wrapper: "items",
    read: (value, sink, text) => readEvent(value, { service, sink, text }),
  });
};

function readEvent(
  value: unknown,
  { service, sink, text }: { service: string; sink: ParsedSink; text: string },
): void {
  if (!isJsonObject(value)) return sink.sink.reject(null, "Not a JSON object.");
  if (value["kind"] === "EventList") return; // An empty one.
  const code = codeOf(value);
  const timestampMs = timeOfValue(value["stageTimestamp"] ?? value["requestReceivedTimestamp"]);
  const user = isJsonObject(value["user"]) ? textOfValue(value["user"]["username"]) : "";
  const what = [value["verb"], value["requestURI"], Number.isNaN(code) ? "" : code];
  const parts = what.map(textOfValue).filter((part) => part !== "");
  const panicked = value["stage"] === "Panic";
  sink.add({
    ...{ timestampMs, service, environment: "" },
    level: panicked ? LevelIndex.fatal : Number.isNaN(code) ? LevelIndex.info : levelOfStatus(code),
    message: user === "" ? parts.join(" ") : `${parts.join(" ")} by ${user}`,
    latencyMs: latencyOf(value, timestampMs),
    raw: text,
  });
}

function codeOf(event: JsonObject): number {
  const status = event["responseStatus"];
  const code = isJsonObject(status) ? status["code"] : undefined;
  return typeof code === "number" && code >= 100 && code < 1000 ? code : Number.NaN;
}

function latencyOf(event: JsonObject, endMs: number): number {
  const { stage, verb } = event;
  if (stage !== "ResponseComplete" || verb === "watch" || verb === "connect") return Number.NaN;
  const ms = endMs - timeOfValue(event["requestReceivedTimestamp"]);
  return ms >= 0 && ms <= LATENCY_MS_MAX ? ms : Number.NaN;
}
