import { systemClock, TracerError } from "@tracer/core";
import { createFirehoseDecoder } from "@tracer/ingest";
import type { FastifyPluginAsync, FastifyRequest } from "fastify";
import { INFLATED_BYTES_MAX, inflate } from "../body.ts";
import { dialectErrors } from "../errors.ts";
import type { InFlightShare } from "../in-flight.ts";
import { DOOR_DOCS } from "./docs.ts";
import { type DoorOptions, receive, serviceOf } from "./door.ts";

/** A delivery is one JSON document, which is parsed at once: no larger than this. */
export const DELIVERY_BYTES_MAX = 16 * 1024 * 1024;
const REQUEST_ID_LENGTH_MAX = 256;

/**
 * Amazon Data Firehose to an HTTP endpoint. The answer repeats the request's id, or Firehose takes it for a failure.
 * The data of a record may be gzip, as CloudWatch Logs sends it. Common attributes name a service and environment.
 */
export const firehoseDoor: FastifyPluginAsync<DoorOptions> = async (app, options) => {
  app.setErrorHandler(
    dialectErrors(options.observe, ({ message }, request) => ({
      body: { ...answerTo(request, null), errorMessage: message },
    })),
  );
  app.post(
    "/firehose",
    { config: { scope: "ingest", doc: DOOR_DOCS.firehose } },
    async (request) => {
      const held: { delivery: Delivery | null } = { delivery: null };
      const { service = serviceOf(request), env = "" } = commonAttributes(request);
      await receive(options, request, {
        name: "firehose",
        createDecoder: (bytes, context, onBatch) =>
          createFirehoseDecoder(bytes, { ...context, defaultEnvironment: env }, onBatch),
        defaultService: service,
        unpack: async (body, share) => {
          held.delivery = deliveryOf(body);
          return unpackRecords(held.delivery, share);
        },
      });
      return answerTo(request, held.delivery);
    },
  );
};

interface Delivery {
  readonly requestId: unknown;
  readonly timestamp: unknown;
  readonly records: readonly unknown[];
}

function answerTo(request: FastifyRequest, delivery: Delivery | null) {
  const header = request.headers["x-amz-firehose-request-id"];
  const id = typeof delivery?.requestId === "string" ? delivery.requestId : header;
  const requestId = typeof id === "string" ? id.slice(0, REQUEST_ID_LENGTH_MAX) : "";
  const sent = delivery?.timestamp;
  return { requestId, timestamp: typeof sent === "number" ? sent : systemClock.wallMs() };
}

function deliveryOf(body: Buffer): Delivery {
  if (body.length > DELIVERY_BYTES_MAX) {
    throw new TracerError(
      "BODY_TOO_LARGE",
      `The delivery is larger than ${DELIVERY_BYTES_MAX} bytes; give the stream a smaller buffer size.`,
    );
  }
  const value = jsonOf(body.toString("utf8"));
  if (typeof value === "object" && value !== null && "records" in value) {
    const { records } = value;
    if (Array.isArray(records)) {
      const requestId = "requestId" in value ? value.requestId : null;
      return { records, requestId, timestamp: "timestamp" in value ? value.timestamp : null };
    }
  }
  throw new TracerError("BODY_NOT_LOGS", "The body is no delivery of Firehose: it has no records.");
}

/** What the records hold, inflated, a line or more each. */
async function unpackRecords({ records }: Delivery, share: InFlightShare): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  for (const record of records) {
    const held = typeof record === "object" && record !== null && "data" in record;
    const data = Buffer.from(held && typeof record.data === "string" ? record.data : "", "base64");
    const isGzip = data[0] === 0x1f && data[1] === 0x8b;
    if (!isGzip) share.grow(data.length);
    const part = isGzip ? await inflate(data, "gzip", share) : data;
    length += part.length + 1;
    if (length > INFLATED_BYTES_MAX) {
      throw new TracerError("BODY_INFLATES_TOO_MUCH", "The delivery inflates to too much.");
    }
    parts.push(part, LINE_FEED);
  }
  return Buffer.concat(parts);
}

const LINE_FEED = Buffer.from("\n");

function commonAttributes(request: FastifyRequest): { service?: string; env?: string } {
  const header = request.headers["x-amz-firehose-common-attributes"];
  const value = typeof header === "string" ? jsonOf(header) : null;
  if (typeof value !== "object" || value === null || !("commonAttributes" in value)) return {};
  const { commonAttributes: held } = value;
  if (typeof held !== "object" || held === null) return {};
  const named = new Map(Object.entries(held));
  const text = (...keys: string[]) =>
    keys.map((key) => named.get(key)).find((found) => typeof found === "string" && found !== "");
  const service = text("service", "service.name");
  const env = text("env", "environment");
  return {
    ...(typeof service === "string" ? { service } : {}),
    ...(typeof env === "string" ? { env } : {}),
  };
}

function jsonOf(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    return null;
  }
}
