import { aSighting } from "@tracer/testkit";
import type { PendingState } from "../pending-state.ts";

export const SEEN_MS = Date.UTC(2026, 10, 22, 12);

export interface StateOptions {
  readonly service?: string;
  /** Null: no sighting, only what follows. */
  readonly seenMs?: number | null;
  readonly severity?: "info" | "warning" | "error" | "critical";
  readonly occurrences?: number;
  readonly clear?: boolean;
  readonly line?: string;
}

/** What waits for a service, seen a minute after it began. */
export function aState(options: StateOptions = {}): PendingState {
  const { service = "checkout", seenMs = SEEN_MS, severity = "error" } = options;
  const { occurrences = 1, clear = false, line = "card declined" } = options;
  const { evidence, peak } = aSighting();
  const key = {
    project: "default",
    environment: "prod",
    service,
    kind: "error",
    part: "",
  } as const;
  const sighting =
    seenMs === null ? null : { severity, peak, evidence, seenMs, onsetMs: seenMs - 60_000 };
  return { key, sighting, exemplars: [line], hasNewText: false, occurrences, clear };
}
