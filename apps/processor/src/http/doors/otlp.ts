import { createOtlpLogsDecoder } from "@tracer/ingest";
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from "fastify";
import { admitBody, readBody } from "../body.ts";
import { dialectErrors } from "../errors.ts";
import { DOOR_DOCS } from "./docs.ts";
import { type DoorOptions, receive, serviceOf } from "./door.ts";
import {
  exportResponse,
  isJsonWanted,
  JSON_TYPE,
  PROTOBUF_TYPE,
  rpcStatus,
} from "./otlp-answer.ts";

/**
 * OTLP/HTTP, as OpenTelemetry's SDKs and collectors speak it, protobuf and JSON, told by the body's first bytes.
 * Answers are in the encoding that the request says it has. A refusal is a google.rpc.Status; clients send again only
 * after 429, 502, 503 and 504, so what another try cannot help is 4xx.
 */
export const otlpDoor: FastifyPluginAsync<DoorOptions> = async (app, options) => {
  app.setErrorHandler(
    dialectErrors(options.observe, ({ status, message }, request) =>
      isJsonWanted(request.contentType)
        ? { body: rpcStatus(status, message, "json"), contentType: JSON_TYPE }
        : { body: rpcStatus(status, message, "protobuf"), contentType: PROTOBUF_TYPE },
    ),
  );
  app.post(
    "/v1/logs",
    { config: { scope: "ingest", doc: DOOR_DOCS.otlpLogs } },
    async (request, reply) => {
      const protocol = { name: "otlp", createDecoder: createOtlpLogsDecoder };
      const { rejected, errors, warnings, warningCount } = await receive(
        options,
        request,
        protocol,
      );
      const refused = errors[0];
      const warning = warnings[0];
      let message = "";
      if (refused !== undefined) {
        message = `${rejected} refused; the first, record ${refused.index}: ${refused.reason}`;
      } else if (warning !== undefined) {
        message = `${warningCount} counted, but not all of them was read; the first, record ${warning.index}, ${warning.field}: ${warning.reason}`;
      }
      return answer(request, reply, rejected, message);
    },
  );
  app.post(
    "/v1/metrics",
    { config: { scope: "ingest", doc: DOOR_DOCS.otlpMetrics } },
    async (request, reply) => {
      const share = admitBody(request.raw, options.inFlight);
      try {
        const body = await readBody(request.raw, share);
        const { project, pinnedService } = request.caller;
        const pinned = pinnedService === undefined ? {} : { pinnedService };
        const origin = { project, defaultService: serviceOf(request), ...pinned };
        const { rejected, message } = options.ingestMetrics(body, origin);
        return answer(request, reply, rejected, message, "rejectedDataPoints");
      } finally {
        share.release();
      }
    },
  );
};

function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  rejected: number,
  message: string,
  rejectedKey: "rejectedLogRecords" | "rejectedDataPoints" = "rejectedLogRecords",
) {
  const isJson = isJsonWanted(request.contentType);
  reply.type(isJson ? JSON_TYPE : PROTOBUF_TYPE);
  return reply.send(exportResponse(rejected, message, isJson ? "json" : "protobuf", rejectedKey));
}
