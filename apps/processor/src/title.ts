import { clip, type Evidence, flatten, type SignalKey } from "@tracer/core";

const SERVICE_CHARACTERS_MAX = 80;

/** One line that names the service and what happens to it: "checkout: error rate spike". Plain text. */
export function titleOf(key: SignalKey, evidence: Evidence): string {
  const service = clip(flatten(key.service), SERVICE_CHARACTERS_MAX);
  return `${service}: ${whatHappens(key, evidence)}`;
}

function whatHappens(key: SignalKey, evidence: Evidence): string {
  switch (key.kind) {
    case "error":
      return evidence.expected > 0 ? "error rate spike" : "errors where there were none";
    case "volume":
      if (key.part === "surge") return "log volume surge";
      return evidence.observed === 0 ? "gone silent" : "log volume drop";
    case "latency":
      return "latency up";
    case "template":
      return key.part === "more"
        ? "more messages never seen before"
        : "a message never seen before";
    case "metric":
      return `unusual values of ${key.part}`;
    case "pipeline":
      return "no logs arrive at all";
    default:
      return key.kind satisfies never;
  }
}
