import { WordTable } from "../words.ts";

/*
 * The attributes that mean something to Tracer. Each has an id, in the order in which it is looked for: of
 * several of one meaning the lowest id wins; of one key that repeats, the last value.
 */

const RECORD_KEYS = [
  ...["duration_ms", "latency_ms", "elapsed_ms", "responseTime", "metadata.latency"],
  ...["duration", "latency"],
  "service.name",
  ...["deployment.environment.name", "deployment.environment", "env", "environment"],
  ...["level", "severity", "severity_text", "lvl", "loglevel", "log.level"],
  ...["message", "msg", "exception.message", "event.name"],
] as const;

/** Masks over the attributes of a record. */
export const RecordMask = {
  latency: mask("duration_ms", "latency"),
  service: mask("service.name", "service.name"),
  environment: mask("deployment.environment.name", "environment"),
  level: mask("level", "log.level"),
  message: mask("message", "event.name"),
} as const;
/** From this id to the end of the latencies, a number with a fraction is in seconds. */
export const DURATION_ID = RECORD_KEYS.indexOf("duration");
export const RECORD_IDS_END = RECORD_KEYS.length;

/** Resource attributes: what names the service, what may stand in for it, and the environment. */
const RESOURCE_KEYS = [
  "service.name",
  ...["k8s.deployment.name", "k8s.statefulset.name", "k8s.daemonset.name", "k8s.cronjob.name"],
  ...["k8s.job.name", "k8s.container.name", "container.name"],
  ...["deployment.environment.name", "deployment.environment"],
] as const;

export const ENVIRONMENT_ID = RESOURCE_KEYS.indexOf("deployment.environment.name");
export const RESOURCE_IDS_END = RESOURCE_KEYS.length;

/** What a map as the body of a record may name: the message, then the level. */
const BODY_KEYS = [
  ...["message", "msg", "body", "log", "text", "event"],
  ...["level", "severity", "severity_text", "lvl", "loglevel", "log.level"],
] as const;

export const BODY_LEVEL_ID = BODY_KEYS.indexOf("level");
export const BODY_IDS_END = BODY_KEYS.length;

/** Ids by key, for records, resources and bodies. */
export const RECORD_TABLE = tableOf(RECORD_KEYS);
export const RESOURCE_TABLE = tableOf(RESOURCE_KEYS);
export const BODY_TABLE = tableOf(BODY_KEYS);

function tableOf(keys: readonly string[]): WordTable {
  return new WordTable(keys.map((key, id) => [key, id] as const));
}

function mask(first: (typeof RECORD_KEYS)[number], last: (typeof RECORD_KEYS)[number]): number {
  let bits = 0;
  for (let id = RECORD_KEYS.indexOf(first); id <= RECORD_KEYS.indexOf(last); id += 1) {
    bits |= 1 << id;
  }
  return bits;
}

/** The lowest id in a mask, or -1. */
export function firstId(bits: number): number {
  return bits === 0 ? -1 : 31 - Math.clz32(bits & -bits);
}
