import { type Evidence, KINDS, SEVERITIES, type SignalKey, TracerError } from "@tracer/core";
import { evidenceOf } from "@tracer/store";
import { z } from "zod";

/** Entries in a snapshot: those of signals that have ended first, the others are still in the detector. */
export const PENDING_SAVED_MAX = 2_000;

/** What was not written yet for one fingerprint, as plain JSON. Times are receipt time, ms since the epoch. */
export interface PendingState {
  readonly key: SignalKey;
  readonly sighting: {
    readonly severity: (typeof SEVERITIES)[number];
    readonly peak: number;
    readonly evidence: Evidence;
    readonly seenMs: number;
    readonly onsetMs: number;
  } | null;
  readonly exemplars: readonly string[];
  readonly hasNewText: boolean;
  readonly occurrences: number;
  readonly clear: boolean;
}

export function pendingToBytes(pending: readonly PendingState[]): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(pending));
}

/** @throws TracerError SNAPSHOT_INVALID: it is not what `pendingToBytes` makes. */
export function pendingOfBytes(bytes: Uint8Array): readonly PendingState[] {
  try {
    return z
      .array(pendingStateSchema())
      .max(PENDING_SAVED_MAX)
      .parse(JSON.parse(new TextDecoder().decode(bytes)));
  } catch (cause) {
    throw new TracerError(
      "SNAPSHOT_INVALID",
      "The snapshot cannot be used: what waited for the database cannot be read.",
      { cause },
    );
  }
}

/** Made when it is needed: a start without a snapshot does not pay for it. */
export function pendingStateSchema() {
  const number = z.number(); // Neither NaN nor infinite.
  return z.object({
    key: z.object({
      project: z.string(),
      environment: z.string(),
      service: z.string(),
      kind: z.enum(KINDS),
      part: z.string(),
    }),
    sighting: z
      .object({
        severity: z.enum(SEVERITIES),
        peak: number.nonnegative(),
        evidence: z.record(z.string(), z.unknown()).transform(evidenceOf),
        seenMs: number,
        onsetMs: number,
      })
      .nullable(),
    exemplars: z.array(z.string()),
    hasNewText: z.boolean(),
    occurrences: z.int().nonnegative(),
    clear: z.boolean(),
  }) satisfies z.ZodType<PendingState>;
}
