import type { FastifyPluginAsync } from "fastify";
import { z } from "zod";
import { parseInput } from "./input.ts";
import type { RouteDoc } from "./openapi/route-doc.ts";

const Body = z.strictObject({
  toolkit: z.string().regex(/^[a-z0-9_-]{1,63}$/, "must be a toolkit's name"),
  accountId: z.string().regex(/^[\w.-]{1,200}$/, "must be the id of a connected account"),
  userId: z.string().min(1).max(200),
});

export interface ComposioRoutesOptions {
  readonly keepAccount: (account: z.infer<typeof Body>) => Promise<void>;
}

const KEEP: RouteDoc = {
  tag: "operate",
  summary: "Notes which connected account of Composio is to be used for a toolkit.",
  body: { schema: Body },
  answers: { 201: { schema: Body } },
};

/** For `tracer connect` beside a running Tracer with the embedded database. Which account to use is for admins to say. */
export const composioRoutes: FastifyPluginAsync<ComposioRoutesOptions> = async (app, options) => {
  app.post(
    "/api/v1/composio/accounts",
    { config: { scope: "admin", doc: KEEP } },
    async (request, reply) => {
      const account = parseInput(Body, request.body);
      await options.keepAccount(account);
      return reply.code(201).send(account);
    },
  );
};
