/** What exists of a project, by the names that paths use. */
export interface Things {
  readonly incident: string;
  readonly delivery: string;
  readonly silence: string;
  /** A key that may go. */
  readonly spareKey: string;
  readonly service: string;
}

export interface Sample {
  /** Values of the path's parameters; `name` and `index` unless given. */
  readonly params?: (things: Things) => Readonly<Record<string, string>>;
  readonly query?: string;
  /** An object is sent as JSON. */
  readonly body?: string | object;
  /** When it is not the first 2xx that the document names. */
  readonly status?: number;
}

const RECORD = { service: "own", message: "hello", level: "info" };
const JSON_LINE = `${JSON.stringify(RECORD)}\n`;
const OTLP_LOGS = {
  resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { stringValue: "x" } }] }] }],
};
const OTLP_METRICS = {
  resourceMetrics: [
    { scopeMetrics: [{ metrics: [{ name: "m", gauge: { dataPoints: [{ asDouble: 1 }] } }] }] },
  ],
};
const LOKI = { streams: [{ stream: { service: "own" }, values: [["1790000000000000000", "x"]] }] };
const BULK = '{"index":{"_index":"logs"}}\n{"message":"x"}\n';
const GELF = { version: "1.1", host: "own", short_message: "x" };
const FIREHOSE = {
  requestId: "r",
  timestamp: 1,
  records: [{ data: Buffer.from(JSON_LINE).toString("base64") }],
};
const FRAME = "<40>1 2026-01-05T00:00:00+00:00 host app web.1 - hello";
const LOGPLEX = `${FRAME.length} ${FRAME}`;
const AUDIT = {
  kind: "EventList",
  apiVersion: "audit.k8s.io/v1",
  items: [{ kind: "Event", verb: "get" }],
};
const MATCHERS = { service: "nothing-like-it" };

const incident = ({ incident: id }: Things) => ({ id });
const service = ({ service: name }: Things) => ({ service: name });
const taken: Sample = { body: RECORD };

/** A request that works, for every operation that takes more than its path: `METHOD path`. */
export const SAMPLES: Readonly<Record<string, Sample>> = {
  "GET /api/v1/incidents/{id}": { params: incident },
  "POST /api/v1/incidents/{id}/ack": { params: incident, body: { accept: true } },
  "POST /api/v1/incidents/{id}/resolve": { params: incident },
  "GET /i/{id}": { params: incident },
  "POST /api/v1/deliveries/{id}/retry": { params: ({ delivery: id }) => ({ id }) },
  "DELETE /api/v1/silences/{id}": { params: ({ silence: id }) => ({ id }) },
  "DELETE /api/v1/keys/{id}": { params: ({ spareKey: id }) => ({ id }) },
  "POST /api/v1/keys": { body: { label: "another", expiresInSeconds: 60 } },
  "POST /api/v1/silences": { body: { matchers: MATCHERS, reason: "r", forSeconds: 60 } },
  "POST /api/v1/silences/preview": { body: { matchers: { kind: "error" } } },
  "POST /api/v1/channels/{name}/test": { params: () => ({ name: "console" }) },
  "POST /api/v1/deploys": { body: { service: "own", version: "1" } },
  "GET /api/v1/services/{service}/series": { params: service },
  "GET /api/v1/services/{service}/decisions": { params: service },
  "GET /assets/{name}": { params: () => ({ name: "none.js" }), status: 404 },
  "POST /api/v1/backtest": { body: `${JSON.stringify({ ...RECORD, time: 1_700_000_000 })}\n` },
  "POST /login": { body: { key: "not-a-key-of-anybody" }, status: 401 },
  "POST /logs": taken,
  "POST /v1/logs": { body: OTLP_LOGS },
  "POST /v1/metrics": { body: OTLP_METRICS },
  "POST /loki/api/v1/push": { body: LOKI },
  "POST /api/prom/push": { body: LOKI },
  ...Object.fromEntries(
    ["POST /_bulk", "PUT /_bulk", "POST /{index}/_bulk", "PUT /{index}/_bulk"].map((name) => [
      name,
      { body: BULK },
    ]),
  ),
  "POST /api/v2/logs": { body: [RECORD] },
  "POST /v1/input": { body: [RECORD] },
  ...Object.fromEntries(
    ["", "/event", "/event/1.0"].map((path) => [
      `POST /services/collector${path}`,
      { body: { event: "x" } },
    ]),
  ),
  "POST /services/collector/raw": { body: "x\n" },
  "POST /services/collector/raw/1.0": { body: "x\n" },
  "POST /services/collector/ack": { body: {}, status: 400 },
  "POST /gelf": { body: GELF },
  "POST /firehose": { body: FIREHOSE },
  "POST /vercel": { body: [{ message: "x", timestamp: 1_790_000_000_000, source: "lambda" }] },
  "POST /heroku": { body: LOGPLEX },
  "POST /cloudflare": { body: JSON_LINE },
  "POST /k8s-audit": { body: AUDIT },
};
