import type { Signal } from "@tracer/core";
import { aSighting } from "@tracer/testkit";
import type { Observe } from "./observe.ts";
import type { TracerEvent } from "./tracer-event.ts";

export function aSignal(overrides: Partial<Signal> = {}): Signal {
  return {
    slot: 3,
    kind: "error",
    part: "",
    severity: "error",
    onsetMs: 1_000_000,
    decidedMs: 1_030_000,
    lastStepMs: 1_030_000,
    peak: 0.124,
    evidence: aSighting().evidence,
    ...overrides,
  };
}

/** An Observe that remembers what it was told. */
export function recordingObserve(): Observe & { readonly events: TracerEvent[] } {
  const events: TracerEvent[] = [];
  return Object.assign((event: TracerEvent) => void events.push(event), {
    events,
    metrics: async () => "",
    watch: () => {},
    recordsAccepted: () => 0,
    close: () => {},
  });
}
