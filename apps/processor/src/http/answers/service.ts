import { KINDS } from "@tracer/core";
import type { BucketView } from "@tracer/detect";
import { DECISION_STATES } from "@tracer/store";
import { z } from "zod";
import type { ChannelState } from "../../channel-states.ts";
import type { Answer } from "../../decisions/answer.ts";
import type { ServicesRoom, ServiceView } from "../../services-view.ts";
import { Evidence } from "./incident.ts";

const Time = z.iso.datetime();

const Service = z.strictObject({
  project: z.string(),
  environment: z.string(),
  service: z.string(),
  state: z.enum(["learning", "ok", "watch", "firing", "silent"]),
  newKinds: z
    .enum(["learning", "ok", "free_text", "no_room"])
    .nullable()
    .describe("Whether a kind of message that was never seen is told of."),
  recordsPerMinute: z.number(),
  errorsPerMinute: z.number(),
  sparkline: z.array(z.number()).describe("Records a minute, oldest first."),
  expectedLow: z.number().nullable().describe("What the newest minute was expected within."),
  expectedHigh: z.number().nullable(),
  lastSeenAt: Time.nullable(),
}) satisfies z.ZodType<ServiceView>;

const Room = z.strictObject({
  held: z.int(),
  seriesMax: z.int(),
  otherRecords: z.int().describe("Records counted under `(other)`."),
}) satisfies z.ZodType<ServicesRoom>;

const ServiceList = z.strictObject({
  services: z.array(Service),
  total: z.int().describe("How many there are, listed or not."),
  room: Room,
});

const Bucket = z.strictObject({
  startMs: z.int(),
  records: z.number(),
  errors: z.number(),
  expectedRecords: z.number(),
  low: z.number(),
  high: z.number(),
  latencyMs: z.number().nullable(),
  expectedLatencyMs: z.number().nullable(),
  latencyLow: z.number().nullable(),
  latencyHigh: z.number().nullable(),
  closed: z.boolean().describe("False for the bucket that still fills."),
}) satisfies z.ZodType<BucketView>;

const Series = z.strictObject({
  service: z.string(),
  environment: z.string(),
  bucketSeconds: z.literal(60),
  buckets: z.array(Bucket).describe("Oldest first."),
});

const Decision = z.strictObject({
  kind: z.enum(KINDS),
  part: z.string(),
  state: z.enum(DECISION_STATES),
  from: Time,
  to: Time.nullable(),
  exact: z.boolean().describe("The numbers are those of the very minute."),
  evidence: z.number().nullable(),
  peakEvidence: z.number().nullable(),
  bar: z.number().nullable(),
  observed: z.number().nullable(),
  expected: z.number().nullable(),
  expectedLow: z.number().nullable(),
  expectedHigh: z.number().nullable(),
  unit: Evidence.shape.unit,
  why: z.string(),
  incidentId: z.string().nullable(),
});

const Decisions = z.strictObject({
  service: z.string(),
  environment: z.string(),
  at: Time,
  verdict: z.string().describe("One plain sentence."),
  decisions: z.array(Decision),
  incidents: z.array(
    z.strictObject({
      id: z.string(),
      kind: z.enum(KINDS),
      part: z.string(),
      title: z.string(),
      from: Time,
      to: Time.nullable(),
    }),
  ),
  nearestBefore: Time.nullable(),
  nearestAfter: Time.nullable(),
}) satisfies z.ZodType<Answer>;

const Channel = z.strictObject({
  name: z.string(),
  kind: z.string(),
  state: z.enum(["unused", "ok", "failing", "needs_reconnect"]),
  lastSuccessAt: Time.nullable(),
  lastError: z.string().nullable().describe("The provider's word for it."),
  fix: z.string().nullable().describe("What a person has to do about it."),
}) satisfies z.ZodType<ChannelState>;

const ChannelTested = z.strictObject({
  channel: z.string(),
  ok: z.boolean(),
  see: z.string().nullable().describe("Where the message can be looked at."),
  steps: z.array(
    z.strictObject({
      action: z.string(),
      outcome: z.enum(["sent", "retry", "permanent", "reconnect", "ambiguous"]),
      reason: z.string().nullable().describe("The provider's word for it; null when it was sent."),
      tookMs: z.number(),
    }),
  ),
});

const ChannelList = z.strictObject({ channels: z.array(Channel) });

export const SERVICE_ANSWERS = {
  Service,
  ServiceList,
  Series,
  Decisions,
  ChannelList,
  ChannelTested,
} as const;
