import { fingerprintOf, type SignalKey } from "@tracer/core";

/** What all signals of a torture are about: errors of a service. */
export function keyOf(service: string): SignalKey {
  return { project: "torture", environment: "", service, kind: "error", part: "" };
}

export function fingerprintOfService(service: string): string {
  return fingerprintOf(keyOf(service));
}

/** Which of `shards` an incident belongs to. */
export function shardOf(fingerprint: string, shards: number): number {
  return Number.parseInt(fingerprint.slice(0, 8), 16) % shards;
}
