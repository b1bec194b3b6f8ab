import { TracerError } from "@tracer/core";
import type { DeliveryPage, ListDeliveriesOptions } from "@tracer/store";
import type { FastifyPluginAsync } from "fastify";
import { z } from "zod";
import { ANSWERS } from "./answers/index.ts";
import { noteAct } from "./audit.ts";
import { parseInput } from "./input.ts";
import type { RouteDoc } from "./openapi/route-doc.ts";

export interface DeliveryRoutesOptions {
  readonly list: (options: ListDeliveriesOptions) => Promise<DeliveryPage>;
  /** Puts a dead letter of a project back into the outbox; false when it is none. */
  readonly retry: (dead: { deliveryId: string; project: string }) => Promise<boolean>;
}

const DELIVERIES_PER_PAGE_MAX = 200;

const ListQuery = z.object({
  state: z.enum(["pending", "sent", "dead"]).default("dead"),
  limit: z.coerce.number().int().min(1).max(DELIVERIES_PER_PAGE_MAX).default(50),
  cursor: z.string().max(100).optional(),
});
const Params = z.object({ id: z.string().regex(/^\d{1,15}$/, "must be the id of a delivery") });

const LIST: RouteDoc = {
  tag: "incidents",
  summary: "Deliveries, newest first; `dead` are those that were given up.",
  query: ListQuery,
  answers: { 200: { schema: ANSWERS.DeliveryPage } },
};
const RETRY: RouteDoc = {
  tag: "incidents",
  summary: "Puts a delivery that was given up back into the outbox.",
  params: Params,
  answers: { 200: { schema: ANSWERS.DeliveryRetried } },
};

/** Deliveries of the caller's project; `dead` are those that were given up and can be tried again. */
export const deliveryRoutes: FastifyPluginAsync<DeliveryRoutesOptions> = async (app, options) => {
  app.get("/api/v1/deliveries", { config: { doc: LIST } }, async (request) => {
    const { state, limit, cursor } = parseInput(ListQuery, request.query);
    return options.list({
      ...{ state, limit, project: request.caller.project },
      ...(cursor === undefined ? {} : { cursor }),
    });
  });

  const retry = { config: { scope: "operate" as const, doc: RETRY } };
  app.post("/api/v1/deliveries/:id/retry", retry, async (request) => {
    const { id } = parseInput(Params, request.params);
    const { project } = request.caller;
    if (!(await options.retry({ deliveryId: id, project }))) {
      throw new TracerError("NOT_FOUND", "There is no delivery of this id that was given up.");
    }
    noteAct(request, "delivery.retry", id);
    return { id, state: "pending" };
  });
};
