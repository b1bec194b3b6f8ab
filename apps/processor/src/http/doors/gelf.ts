import { createGelfDecoder } from "@tracer/ingest";
import type { FastifyPluginAsync } from "fastify";
import { DOOR_DOCS } from "./docs.ts";
import { type DoorOptions, receive } from "./door.ts";

/** GELF over HTTP, as Graylog takes it: a message a request, or many. */
export const gelfDoor: FastifyPluginAsync<DoorOptions> = async (app, options) => {
  app.post(
    "/gelf",
    { config: { scope: "ingest", doc: DOOR_DOCS.gelf } },
    async (request, reply) => {
      await receive(options, request, { name: "gelf", createDecoder: createGelfDecoder });
      return reply.code(202).send();
    },
  );
};
