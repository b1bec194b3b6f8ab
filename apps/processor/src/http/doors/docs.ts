import { ANSWERS } from "../answers/index.ts";
import type { ContentDoc, RouteDoc } from "../openapi/route-doc.ts";

const BYTES: ContentDoc = {
  type: ["application/json", "application/x-ndjson", "text/plain"],
  description:
    "Told by its content, whatever the type says; Content-Encoding: gzip, deflate, br, zstd.",
};
const PROTOBUF_OR_JSON = ["application/x-protobuf", "application/json"] as const;
const JSON_EMPTY: ContentDoc = { schema: ANSWERS.Empty };
const TEXT: ContentDoc = { type: "text/plain" };
const NOTHING: ContentDoc = { description: "Counted." };

function takes(summary: string, rest: Partial<RouteDoc>): RouteDoc {
  return { tag: "ingest", summary, body: BYTES, answers: { 200: JSON_EMPTY }, ...rest };
}

function says(summary: string, rest: Partial<RouteDoc>): RouteDoc {
  return { tag: "ingest", summary, answers: { 200: JSON_EMPTY }, ...rest };
}

const elastic = { failure: { schema: ANSWERS.ElasticFailure } };
const splunk = { failure: { schema: ANSWERS.SplunkAnswer } };
const datadog = { failure: { schema: ANSWERS.DatadogFailure } };
const loki = { failure: TEXT };
const otlp = { failure: { schema: ANSWERS.RpcStatus, type: PROTOBUF_OR_JSON } };
const firehose = { failure: { schema: ANSWERS.FirehoseAnswer } };

/** What the doors are documented by. */
export const DOOR_DOCS = {
  logs: takes("Log records as JSON objects, in any arrangement.", {
    answers: { 202: { schema: ANSWERS.LogsTaken, description: "Counted." } },
  }),
  otlpLogs: takes("OTLP/HTTP logs.", {
    ...otlp,
    body: { type: PROTOBUF_OR_JSON },
    answers: { 200: { schema: ANSWERS.OtlpTaken, type: PROTOBUF_OR_JSON } },
  }),
  otlpMetrics: takes("OTLP/HTTP metrics.", {
    ...otlp,
    body: { type: PROTOBUF_OR_JSON },
    answers: { 200: { schema: ANSWERS.OtlpTaken, type: PROTOBUF_OR_JSON } },
  }),
  loki: takes("Loki push, JSON or a Snappy block of protobuf.", {
    ...loki,
    body: { type: ["application/json", "application/x-protobuf"] },
    answers: { 204: NOTHING },
  }),
  lokiReady: says("Whether a Loki would be ready.", { ...loki, answers: { 200: TEXT } }),
  elasticBulk: takes("Elasticsearch bulk; an item for each action.", {
    ...elastic,
    body: { type: "application/x-ndjson" },
    answers: { 200: { schema: ANSWERS.Elastic } },
  }),
  elasticLook: says("What Elasticsearch's clients look for before they send.", {
    ...elastic,
    answers: { 200: { schema: ANSWERS.Elastic } },
  }),
  elasticSetUp: says("What Elasticsearch's clients set up; taken and not kept.", {
    ...elastic,
    answers: { 200: { schema: ANSWERS.Elastic } },
  }),
  elasticHead: says("Whether an index is there; it always is.", {
    ...elastic,
    answers: { 200: { description: "It is." } },
  }),
  datadog: takes("Datadog's log intake.", { ...datadog, answers: { 202: JSON_EMPTY } }),
  datadogValidate: says("Whether a key is one.", {
    ...datadog,
    answers: { 200: { schema: ANSWERS.DatadogValid } },
  }),
  splunk: takes("Splunk's HTTP Event Collector.", {
    ...splunk,
    answers: { 200: { schema: ANSWERS.SplunkAnswer } },
  }),
  splunkAck: says("Indexer acknowledgement, which is off.", {
    ...splunk,
    answers: { 400: { schema: ANSWERS.SplunkAnswer, description: "It is off." } },
  }),
  splunkHealth: says("Whether the collector takes events.", {
    ...splunk,
    answers: {
      200: { schema: ANSWERS.SplunkAnswer },
      503: { schema: ANSWERS.SplunkAnswer, description: "It does not." },
    },
  }),
  gelf: takes("GELF, as Graylog takes it over HTTP.", { answers: { 202: NOTHING } }),
  firehose: takes("Amazon Data Firehose, HTTP endpoint delivery.", {
    ...firehose,
    answers: { 200: { schema: ANSWERS.FirehoseAnswer } },
  }),
  vercel: takes("Vercel's log drains.", {}),
  vercelVerify: says("Where Vercel checks whose the address is.", {}),
  heroku: takes("Heroku's log drains (Logplex).", {
    body: { type: "application/logplex-1" },
    answers: { 204: NOTHING },
  }),
  cloudflare: takes("Cloudflare Logpush.", {}),
  kubernetesAudit: takes("The webhook backend of the Kubernetes audit log.", {}),
} as const satisfies Readonly<Record<string, RouteDoc>>;
