import { type Incident, parseIncidentId, type SignalKey, TracerError } from "@tracer/core";
import type { DeliveryRecord, IncidentPage, ListIncidentsOptions } from "@tracer/store";
import type { FastifyPluginAsync } from "fastify";
import { z } from "zod";
import { parseInput } from "./input.ts";

export interface IncidentRoutesOptions {
  readonly list: (options: ListIncidentsOptions) => Promise<IncidentPage>;
  /** What was written about each, by incident id. */
  readonly deliveriesOf: (
    incidents: readonly Incident[],
  ) => Promise<ReadonlyMap<string, DeliveryRecord[]>>;
  /** Null when there is none of this id. */
  readonly get: (
    id: string,
  ) => Promise<{ incident: Incident; deliveries: DeliveryRecord[] } | null>;
  /** Notes that somebody has taken it on: no more reminders. False when it is not open. */
  readonly acknowledge: (id: string, by: string) => Promise<boolean>;
  /** Takes what this process sees of a signal as the new normal. False: it does not see it. */
  readonly accept: (key: SignalKey) => boolean;
  /** Ends it by hand; false when it had ended already. */
  readonly resolve: (id: string) => Promise<boolean>;
}

const INCIDENTS_PER_PAGE_MAX = 200;

const ListQuery = z.object({
  state: z.enum(["open", "resolved"]).optional(),
  service: z
    .string()
    .min(1)
    .refine((name) => !name.includes("\0"), "must not hold NUL")
    .optional(),
  limit: z.coerce.number().int().min(1).max(INCIDENTS_PER_PAGE_MAX).default(50),
  cursor: z.string().max(500).optional(),
});
/** No body at all is one that asks for nothing. */
const AckBody = z.strictObject({ accept: z.boolean().default(false) }).default({ accept: false });
const Params = z.object({ id: z.string().max(60) });

/** The incidents of the caller's project; another project's are not found. */
export const incidentRoutes: FastifyPluginAsync<IncidentRoutesOptions> = async (app, options) => {
  const find = async (id: string, project: string) => {
    const found = parseIncidentId(id) === null ? null : await options.get(id);
    if (found === null || found.incident.project !== project) {
      throw new TracerError("NOT_FOUND", "There is no incident of this id.");
    }
    return found;
  };

  app.get("/api/v1/incidents", async (request) => {
    const { state, service, limit, cursor } = parseInput(ListQuery, request.query);
    const { incidents, nextCursor } = await options.list({
      project: request.caller.project,
      limit,
      ...(state === undefined ? {} : { state }),
      ...(service === undefined ? {} : { service }),
      ...(cursor === undefined ? {} : { cursor }),
    });
    const deliveries = await options.deliveriesOf(incidents);
    return {
      incidents: incidents.map((incident) => ({
        ...incident,
        deliveries: deliveries.get(incident.id) ?? [],
      })),
      nextCursor,
    };
  });

  app.get("/api/v1/incidents/:id", async (request) => {
    const { id } = parseInput(Params, request.params);
    const { incident, deliveries } = await find(id, request.caller.project);
    return { ...incident, deliveries };
  });

  app.post("/api/v1/incidents/:id/ack", { config: { scope: "operate" } }, async (request) => {
    const { id } = parseInput(Params, request.params);
    const { accept } = parseInput(AckBody, request.body ?? undefined);
    const known = await find(id, request.caller.project);
    const isOpen = await options.acknowledge(id, request.caller.name);
    const accepted = accept && isOpen && options.accept(known.incident);
    const { incident, deliveries } = await find(id, request.caller.project);
    return { ...incident, deliveries, ...(accept ? { accepted } : {}) };
  });

  app.post("/api/v1/incidents/:id/resolve", { config: { scope: "operate" } }, async (request) => {
    const { id } = parseInput(Params, request.params);
    await find(id, request.caller.project);
    await options.resolve(id);
    const { incident, deliveries } = await find(id, request.caller.project);
    return { ...incident, deliveries };
  });
};
