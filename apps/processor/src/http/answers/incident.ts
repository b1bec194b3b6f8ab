import type * as core from "@tracer/core";
import { DELIVERY_ACTIONS, ENDINGS, KINDS, LEVELS, SEVERITIES } from "@tracer/core";
import type * as store from "@tracer/store";
import { DELIVERY_STATES } from "@tracer/store";
import { z } from "zod";

/** Shapes of what the API answers, for its document; a test holds the real answers to them. */
const Time = z.iso.datetime();

const TemplateCount = z.strictObject({
  text: z.string(),
  level: z.enum(LEVELS),
  before: z.number().describe("Lines a minute in the hour before the onset."),
  now: z.number().describe("Lines a minute since the onset."),
  isNew: z.boolean(),
});

export const Evidence = z.strictObject({
  unit: z.enum(["share", "records_per_minute", "milliseconds", "number"]),
  observed: z.number(),
  peak: z.number().describe("The most extreme since the onset."),
  expected: z.number(),
  expectedLow: z.number(),
  expectedHigh: z.number(),
  ratio: z.number().nullable().describe("observed ÷ expected; null where nothing was expected."),
  z: z.number().nullable(),
  ewma: z.number().nullable(),
  rateOfChange: z.number().nullable(),
  evidence: z.number().describe("Accumulated log-likelihood ratio, in nats."),
  bar: z.number().describe("What `evidence` had to pass."),
  sampleSize: z.number(),
  baselineAgeSeconds: z.number(),
  sparkline: z.array(z.number().nullable()).describe("A value a minute, oldest first."),
  sentence: z.string(),
  templates: z.exactOptional(z.array(TemplateCount)),
  ending: z.exactOptional(z.enum(ENDINGS)),
}) satisfies z.ZodType<core.Evidence>;

const Deploy = z.strictObject({ version: z.string(), at: Time });

export const IncidentBare = z.strictObject({
  id: z.string(),
  fingerprint: z.string(),
  epoch: z.int(),
  project: z.string(),
  environment: z.string(),
  service: z.string(),
  kind: z.enum(KINDS),
  part: z.string(),
  severity: z.enum(SEVERITIES),
  state: z.enum(["open", "resolved"]),
  openedAt: Time,
  lastSeenAt: Time,
  resolvedAt: Time.nullable(),
  closeReason: z.enum(["quiet", "clear", "manual", "superseded"]).nullable(),
  occurrences: z.int(),
  title: z.string(),
  evidence: Evidence,
  exemplars: z.array(z.string()).describe("Redacted log lines; any text, so escape it."),
  flapping: z.boolean(),
  deploy: Deploy.nullable(),
  ackedAt: Time.nullable(),
  ackedBy: z.string().nullable(),
}) satisfies z.ZodType<core.Incident>;

const Attempt = z.strictObject({
  startedAt: Time,
  endedAt: Time.nullable(),
  outcome: z.string().nullable().describe("What the answer meant; null while it is not known."),
  reason: z.string().nullable().describe("The provider's word for it."),
}) satisfies z.ZodType<store.DeliveryAttempt>;

const Delivery = z.strictObject({
  id: z.string(),
  incidentId: z.string(),
  channel: z.string(),
  action: z.enum(DELIVERY_ACTIONS),
  state: z.enum(DELIVERY_STATES),
  attempts: z.int(),
  createdAt: Time,
  sentAt: Time.nullable(),
  lastError: z.string().nullable(),
}) satisfies z.ZodType<store.DeliveryRecord>;

const DeliveryInFull = Delivery.extend({
  tries: z.array(Attempt).describe("Oldest first."),
});

const IncidentListed = IncidentBare.extend({ deliveries: z.array(Delivery) });

const Incident = IncidentBare.extend({ deliveries: z.array(DeliveryInFull) });

const IncidentAcked = Incident.extend({
  accepted: z.boolean().optional().describe("Only when it was asked for."),
});

const nextCursor = z
  .string()
  .nullable()
  .describe("`cursor` of the next page; null: there is none.");

const IncidentPage = z.strictObject({ incidents: z.array(IncidentListed), nextCursor });

const DeliveryPage = z.strictObject({ deliveries: z.array(Delivery), nextCursor });

const DeliveryRetried = z.strictObject({ id: z.string(), state: z.literal("pending") });

export const INCIDENT_ANSWERS = {
  Evidence,
  IncidentBare,
  Delivery,
  IncidentListed,
  Incident,
  IncidentAcked,
  IncidentPage,
  DeliveryPage,
  DeliveryRetried,
} as const;
