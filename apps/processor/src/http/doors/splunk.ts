import {
  createSplunkDecoder,
  createSplunkRawDecoder,
  SPLUNK_EVENT_BLANK,
  SPLUNK_EVENT_MISSING,
} from "@tracer/ingest";
import type { FastifyPluginAsync } from "fastify";
import { dialectErrors, type Failure } from "../errors.ts";
import { DOOR_DOCS } from "./docs.ts";
import { type DoorOptions, receive } from "./door.ts";

/** Splunk's HTTP Event Collector. Its clients send JSON as a form, and look at `code`. */
export const splunkDoor: FastifyPluginAsync<DoorOptions> = async (app, options) => {
  app.setErrorHandler(dialectErrors(options.observe, (failure) => ({ body: said(failure) })));
  const access = { scope: "ingest", keyInQuery: "token" } as const;
  const config = { ...access, doc: DOOR_DOCS.splunk };
  const doors = [
    { paths: ["", "/event", "/event/1.0"], name: "splunk", createDecoder: createSplunkDecoder },
    { paths: ["/raw", "/raw/1.0"], name: "splunk", createDecoder: createSplunkRawDecoder },
  ];
  for (const { paths, ...protocol } of doors) {
    for (const path of paths) {
      app.post(`/services/collector${path}`, { config }, async (request) => {
        await receive(options, request, protocol);
        return { text: "Success", code: 0 };
      });
    }
  }
  const ack = { config: { ...access, doc: DOOR_DOCS.splunkAck } };
  app.post("/services/collector/ack", ack, async (_request, reply) =>
    reply.code(400).send({ text: "ACK is disabled", code: 14 }),
  );
  for (const path of ["/health", "/health/1.0"]) {
    app.get(
      `/services/collector${path}`,
      { config: { scope: "open", doc: DOOR_DOCS.splunkHealth } },
      async (_request, reply) => {
        const { inFlight } = options;
        if (inFlight.closed)
          return reply.code(503).send({ text: "Server is shutting down", code: 23 });
        if (inFlight.bytes >= inFlight.bytesMax) {
          return reply.code(503).send({ text: "HEC is unhealthy, queues are full", code: 18 });
        }
        return { text: "HEC is healthy", code: 17 };
      },
    );
  }
};

/** Splunk's text and code for a failure. */
function said(failure: Failure): { text: string; code: number } {
  switch (failure.code) {
    case "KEY_MISSING":
      return { text: "Token is required", code: 2 };
    case "KEY_INVALID":
    case "KEY_FORBIDDEN":
      return { text: "Invalid token", code: 4 };
    case "BODY_EMPTY":
      return { text: "No data", code: 5 };
    case "INGEST_BUSY":
      return { text: "Server is busy", code: 9 };
    case "SHUTTING_DOWN":
      return { text: "Server is shutting down", code: 23 };
    case "RECORDS_ALL_INVALID":
      if (failure.message.endsWith(SPLUNK_EVENT_MISSING)) {
        return { text: SPLUNK_EVENT_MISSING, code: 12 };
      }
      if (failure.message.endsWith(SPLUNK_EVENT_BLANK))
        return { text: SPLUNK_EVENT_BLANK, code: 13 };
      return { text: "Invalid data format", code: 6 };
    default:
      if (failure.status === 503 || failure.status === 429)
        return { text: "Server is busy", code: 9 };
      if (failure.status >= 500) return { text: "Internal server error", code: 8 };
      return { text: failure.status === 400 ? "Invalid data format" : failure.message, code: 6 };
  }
}
