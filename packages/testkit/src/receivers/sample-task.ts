import {
  type DeliveryAction,
  type DeliveryTask,
  type DigestEntry,
  type DigestTask,
  type Evidence,
  fingerprintOf,
  type Incident,
  incidentIdOf,
} from "@tracer/core";

/** When the sample incident was opened, ms since the epoch. */
export const SAMPLE_OPENED_MS = Date.parse("2026-11-22T14:02:10Z");

const EVIDENCE: Evidence = {
  unit: "share",
  observed: 0.124,
  peak: 0.124,
  expected: 0.006,
  expectedLow: 0.002,
  expectedHigh: 0.014,
  ratio: 20.7,
  z: 9.1,
  ewma: 0.0061,
  rateOfChange: 1.2,
  evidence: 15.2,
  bar: 13,
  sampleSize: 1_841,
  baselineAgeSeconds: 3_600,
  sparkline: [0.006, 0.005, null, 0.004, 0.03, 0.12],
  sentence: "12.4 % of records are errors, 0.6 % expected (20.7×)",
};

export interface SampleOverrides extends Partial<Omit<DeliveryTask, "incident">> {
  readonly incident?: Partial<Omit<Incident, "evidence">>;
  readonly evidence?: Partial<Evidence>;
}

/** A delivery of an incident of checkout-api; of a resolved one when the action is `resolve`. */
export function aDeliveryTask(
  action: DeliveryAction = "open",
  overrides: SampleOverrides = {},
): DeliveryTask {
  const { incident, evidence, ...task } = overrides;
  const service = incident?.service ?? "checkout-api";
  const key = {
    project: "default",
    environment: "prod",
    service,
    kind: "error",
    part: "",
  } as const;
  const fingerprint = fingerprintOf(key);
  const ended = action === "resolve";
  return {
    deliveryId: "17",
    action,
    seq: 1,
    link: "http://127.0.0.1:4318/incidents/sample",
    receipt: null,
    uncertain: false,
    ...{ unknownEnds: 0, unknownMs: 0, attempts: 0 },
    ...task,
    incident: {
      ...key,
      id: incidentIdOf(fingerprint, 1),
      fingerprint,
      epoch: 1,
      severity: "critical",
      state: ended ? "resolved" : "open",
      openedAt: "2026-11-22T14:02:10.000Z",
      lastSeenAt: "2026-11-22T14:02:40.000Z",
      resolvedAt: ended ? "2026-11-22T14:20:10.000Z" : null,
      closeReason: ended ? "clear" : null,
      occurrences: 12,
      title: `${service}: error rate spike`,
      exemplars: ["payment gateway timeout after 3000 ms for order 8813"],
      ...{ flapping: false, deploy: null, ackedAt: null, ackedBy: null },
      ...incident,
      evidence: { ...EVIDENCE, ...evidence },
    },
  };
}

/** A digest of so many changes, all openings of `error` severity; `entry` says what is different about each. */
export function aDigestTask(
  count: number,
  {
    entry = () => ({}),
    ...rest
  }: Partial<DigestTask> & { readonly entry?: (index: number) => Partial<DigestEntry> } = {},
): DigestTask {
  return {
    id: "0b8f2c54-6f0e-4c5b-9d5e-0d9f4f6f1a11",
    entries: Array.from({ length: count }, (_, index) => ({
      action: "open",
      id: `inc_${index}-1`,
      service: `service-${index}`,
      environment: "prod",
      kind: "error",
      part: "",
      severity: "error",
      title: `service-${index}: error rate spike`,
      ...entry(index),
    })),
    since: "2026-11-22T14:02:10.000Z",
    link: "http://127.0.0.1:4318/",
    uncertain: false,
    ...{ unknownEnds: 0, unknownMs: 0, attempts: 0 },
    stillOpen: true,
    ...rest,
  };
}
