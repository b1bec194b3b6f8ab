import { createLogsDecoder } from "@tracer/ingest";
import type { FastifyPluginAsync } from "fastify";
import { DOOR_DOCS } from "./docs.ts";
import { type DoorOptions, receive } from "./door.ts";

/** Tracer's own door: JSON objects in any arrangement, told by the body's content. */
export const logsDoor: FastifyPluginAsync<DoorOptions> = async (app, options) => {
  app.post(
    "/logs",
    { config: { scope: "ingest", doc: DOOR_DOCS.logs } },
    async (request, reply) => {
      const protocol = { name: "logs", createDecoder: createLogsDecoder };
      const { accepted, rejected, errors, warnings } = await receive(options, request, protocol);
      reply.code(202);
      return warnings.length === 0
        ? { accepted, rejected, errors }
        : { accepted, rejected, errors, warnings };
    },
  );
};
