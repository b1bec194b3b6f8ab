import { z } from "zod";

/** The one shape of failures, but for doors that speak another's dialect. */
const Failure = z.strictObject({
  code: z.string().describe("Documented in operations.md and never reused."),
  message: z.string(),
  details: z.unknown().optional(),
});

const Alive = z.strictObject({ status: z.literal("alive") });

const Ready = z.strictObject({ status: z.literal("ready") });

const NotReady = z.strictObject({
  status: z.literal("not ready"),
  missing: z.array(z.string()).optional().describe("Only where no keys exist."),
});

const Version = z.strictObject({ name: z.literal("tracer"), version: z.string() });

const Problem = z.strictObject({
  index: z.int(),
  field: z.string().nullable(),
  reason: z.string(),
});

const LogsTaken = z.strictObject({
  accepted: z.int(),
  rejected: z.int(),
  errors: z.array(Problem).describe("The first 20 of the rejected."),
  warnings: z.array(Problem).optional().describe("Counted, but a field could not be read."),
});

const Empty = z.strictObject({});

/** A body of Elasticsearch's own. */
const Elastic = z.record(z.string(), z.unknown());

const Handshake = z.strictObject({
  name: z.string(),
  cluster_name: z.string(),
  cluster_uuid: z.string(),
  version: z.strictObject({
    number: z.string(),
    build_flavor: z.string(),
    build_type: z.string(),
    minimum_wire_compatibility_version: z.string(),
    minimum_index_compatibility_version: z.string(),
  }),
  tagline: z.string(),
});

const SplunkAnswer = z.strictObject({ text: z.string(), code: z.int() });

const DatadogValid = z.strictObject({ valid: z.boolean() });

const FirehoseAnswer = z.strictObject({
  requestId: z.string(),
  timestamp: z.number(),
  errorMessage: z.string().optional(),
});

const DatadogFailure = z.strictObject({
  errors: z.array(z.strictObject({ status: z.string(), title: z.string(), detail: z.string() })),
});

/** google.rpc.Status as JSON. */
const RpcStatus = z.strictObject({ code: z.int(), message: z.string() });

const OtlpTaken = z.strictObject({
  partialSuccess: z
    .strictObject({
      rejectedLogRecords: z.string().optional(),
      rejectedDataPoints: z.string().optional(),
      errorMessage: z.string(),
    })
    .optional(),
});

const ElasticCause = z.looseObject({ type: z.string(), reason: z.string() });

const ElasticFailure = z.strictObject({
  error: ElasticCause.extend({ root_cause: z.array(ElasticCause) }),
  status: z.int(),
});

export const OTHER_ANSWERS = {
  Failure,
  Alive,
  Ready,
  NotReady,
  Version,
  LogsTaken,
  Empty,
  Elastic,
  Handshake,
  SplunkAnswer,
  DatadogValid,
  FirehoseAnswer,
  DatadogFailure,
  RpcStatus,
  OtlpTaken,
  ElasticFailure,
} as const;
