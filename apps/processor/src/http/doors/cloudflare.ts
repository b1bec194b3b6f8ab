import { createCloudflareDecoder } from "@tracer/ingest";
import type { FastifyPluginAsync } from "fastify";
import { DOOR_DOCS } from "./docs.ts";
import { type DoorOptions, receive } from "./door.ts";

/** Cloudflare Logpush to an HTTP destination. */
export const cloudflareDoor: FastifyPluginAsync<DoorOptions> = async (app, options) => {
  app.post(
    "/cloudflare",
    { config: { scope: "ingest", doc: DOOR_DOCS.cloudflare } },
    async (request) => {
      await receive(options, request, {
        name: "cloudflare",
        createDecoder: createCloudflareDecoder,
      });
      return {};
    },
  );
};
