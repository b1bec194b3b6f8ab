import { createHmac, timingSafeEqual } from "node:crypto";
import { TracerError } from "@tracer/core";
import { createVercelDecoder } from "@tracer/ingest";
import type { FastifyPluginAsync } from "fastify";
import { DOOR_DOCS } from "./docs.ts";
import { type DoorOptions, receive } from "./door.ts";

/** Vercel's log drains. Every answer carries `x-vercel-verify`, which is how Vercel checks whose the address is. */
export const vercelDoor: FastifyPluginAsync<DoorOptions> = async (app, options) => {
  const { drainSecret: secret = null, verify = null } = options.vercel ?? {};
  app.addHook("onRequest", async (_request, reply) => {
    if (verify !== null) reply.header("x-vercel-verify", verify);
  });
  app.get("/vercel", { config: { scope: "open", doc: DOOR_DOCS.vercelVerify } }, async () => ({}));
  app.post("/vercel", { config: { scope: "ingest", doc: DOOR_DOCS.vercel } }, async (request) => {
    const signature = request.headers["x-vercel-signature"];
    await receive(options, request, {
      ...{ name: "vercel", createDecoder: createVercelDecoder },
      unpack: (body) => {
        if (secret !== null) requireSignature(body, signature, secret);
        return body;
      },
    });
    return {};
  });
};

function requireSignature(body: Buffer, signature: unknown, secret: string): void {
  const expected = Buffer.from(createHmac("sha1", secret).update(body).digest("hex"));
  const given = Buffer.from(typeof signature === "string" ? signature : "");
  if (given.length === expected.length && timingSafeEqual(given, expected)) return;
  throw new TracerError("KEY_FORBIDDEN", "x-vercel-signature is not that of VERCEL_DRAIN_SECRET.");
}
