import { createCloudflareDecoder } from "@tracer/ingest";
import type { FastifyPluginAsync } from "fastify";
import { type DoorOptions, receive } from "./door.ts";

/** Cloudflare Logpush to an HTTP destination. */
export const cloudflareDoor: FastifyPluginAsync<DoorOptions> = async (app, options) => {
  app.post("/cloudflare", { config: { scope: "ingest" } }, async (request) => {
    await receive(options, request, { name: "cloudflare", createDecoder: createCloudflareDecoder });
    return {};
  });
};
