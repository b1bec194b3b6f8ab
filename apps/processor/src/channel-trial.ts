import { randomUUID } from "node:crypto";
import {
  type DeliveryAction,
  type DeliveryTask,
  type Evidence,
  fingerprintOf,
  type Incident,
  incidentIdOf,
  systemClock,
  type Verdict,
} from "@tracer/core";
import type { Channel } from "@tracer/notify";

/** One step of a trial and how it ended. */
export interface TrialStep {
  readonly action: "test" | "edit" | "resolve";
  readonly verdict: Verdict;
  readonly tookMs: number;
}

export interface TrialOptions {
  /** Of the page that the message links to. */
  readonly link: string;
  readonly signal: AbortSignal;
  /** Called with each step as it ends. */
  readonly onStep: (step: TrialStep) => void;
}

export interface Trial {
  readonly ok: boolean;
  /** Where the message can be looked at; null: that is not known. */
  readonly see: string | null;
}

/** Sends a message that is marked as a test, edits it where that is possible, and resolves it. */
export async function tryChannel(channel: Channel, options: TrialOptions): Promise<Trial> {
  const { signal } = options;
  const opened = systemClock.wallMs();
  let receipt: DeliveryTask["receipt"] = null;
  for (const action of ["test", "edit", "resolve"] as const) {
    if (signal.aborted) return { ok: false, see: null };
    const startedMs = systemClock.monotonicMs();
    const task = aTask(action, { link: options.link, receipt, opened });
    const verdict = await channel.send(task, signal);
    const tookMs = Math.round(systemClock.monotonicMs() - startedMs);
    options.onStep({ action, verdict, tookMs });
    if (verdict.kind !== "sent") return { ok: false, see: null };
    receipt ??= verdict.receipt;
  }
  return { ok: true, see: null };
}

const SEQ = { test: 1, edit: 2, resolve: 3 } as const;

function aTask(
  action: TrialStep["action"],
  { link, receipt, opened }: Pick<DeliveryTask, "link" | "receipt"> & { readonly opened: number },
): DeliveryTask {
  return {
    deliveryId: randomUUID(),
    action,
    seq: SEQ[action],
    incident: anIncident(action, opened),
    link,
    receipt,
    uncertain: false,
    ...{ unknownEnds: 0, unknownMs: 0, attempts: 0 },
  };
}

function anIncident(action: DeliveryAction, opened: number): Incident {
  const names = { project: "default", environment: "", service: "tracer-test" };
  const key = { ...names, kind: "error", part: "" } as const;
  const fingerprint = fingerprintOf(key);
  const now = new Date(systemClock.wallMs()).toISOString();
  const ended = action === "resolve";
  return {
    ...key,
    id: incidentIdOf(fingerprint, 1),
    fingerprint,
    epoch: 1,
    severity: "info",
    state: ended ? "resolved" : "open",
    openedAt: new Date(opened).toISOString(),
    lastSeenAt: now,
    resolvedAt: ended ? now : null,
    closeReason: ended ? "manual" : null,
    occurrences: action === "test" ? 1 : 2,
    title: "tracer-test: this is a test, nothing is wrong",
    evidence: TEST_EVIDENCE,
    exemplars: ["this line stands where examples of your log lines will"],
    ...{ flapping: false, deploy: null, ackedAt: null, ackedBy: null },
  };
}

const TEST_EVIDENCE: Evidence = {
  unit: "share",
  observed: 0,
  peak: 0,
  expected: 0,
  expectedLow: 0,
  expectedHigh: 0,
  ratio: null,
  z: null,
  ewma: null,
  rateOfChange: null,
  evidence: 0,
  bar: 0,
  sampleSize: 0,
  baselineAgeSeconds: 0,
  sparkline: [],
  sentence: "Tracer can reach you here. Alerts will look like this one, with their numbers.",
};
