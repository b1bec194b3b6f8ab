import { type Incident, parseIncidentId, type SignalKey, TracerError } from "@tracer/core";
import type {
  DeliveryAttempt,
  DeliveryRecord,
  IncidentPage,
  ListIncidentsOptions,
} from "@tracer/store";
import type { FastifyPluginAsync } from "fastify";
import { z } from "zod";
import { ANSWERS } from "./answers/index.ts";
import { noteAct } from "./audit.ts";
import type { DeliveryInFull } from "./html/incident-page.ts";
import { parseInput } from "./input.ts";
import type { RouteDoc } from "./openapi/route-doc.ts";

export interface IncidentRoutesOptions {
  readonly list: (options: ListIncidentsOptions) => Promise<IncidentPage>;
  /** What was written about each, by incident id. */
  readonly deliveriesOf: (
    incidents: readonly Incident[],
  ) => Promise<ReadonlyMap<string, DeliveryRecord[]>>;
  /** What became of each try, by delivery id. */
  readonly attemptsOf: (
    deliveryIds: readonly string[],
  ) => Promise<ReadonlyMap<string, readonly DeliveryAttempt[]>>;
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

const DOCS = {
  list: {
    tag: "incidents",
    summary: "Incidents, open and over, newest first.",
    query: ListQuery,
    answers: { 200: { schema: ANSWERS.IncidentPage } },
  },
  show: {
    tag: "incidents",
    summary: "One incident, with every try to tell of it.",
    params: Params,
    answers: { 200: { schema: ANSWERS.Incident } },
  },
  ack: {
    tag: "incidents",
    summary: "Says that somebody has taken it on; with `accept`, that it is the new normal.",
    params: Params,
    body: { schema: AckBody },
    answers: { 200: { schema: ANSWERS.IncidentAcked } },
  },
  resolve: {
    tag: "incidents",
    summary: "Ends it by hand.",
    params: Params,
    answers: { 200: { schema: ANSWERS.Incident } },
  },
} as const satisfies Readonly<Record<string, RouteDoc>>;

/** The incidents of the caller's project, as JSON and as pages; another project's are not found. */
export const incidentRoutes: FastifyPluginAsync<IncidentRoutesOptions> = async (app, options) => {
  const find = async (id: string, project: string) => {
    const found = parseIncidentId(id) === null ? null : await options.get(id);
    if (found === null || found.incident.project !== project) {
      throw new TracerError("NOT_FOUND", "There is no incident of this id.");
    }
    return found;
  };

  const shown = async (id: string, project: string) => {
    const { incident, deliveries } = await find(id, project);
    return { ...incident, deliveries: await inFull(options, deliveries) };
  };

  app.get("/api/v1/incidents", { config: { doc: DOCS.list } }, async (request) => {
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

  app.get("/api/v1/incidents/:id", { config: { doc: DOCS.show } }, async (request) => {
    const { id } = parseInput(Params, request.params);
    return shown(id, request.caller.project);
  });

  const ack = { config: { scope: "operate" as const, doc: DOCS.ack } };
  app.post("/api/v1/incidents/:id/ack", ack, async (request) => {
    const { id } = parseInput(Params, request.params);
    const { accept } = parseInput(AckBody, request.body ?? undefined);
    const known = await find(id, request.caller.project);
    const isOpen = await options.acknowledge(id, request.caller.name);
    if (isOpen) noteAct(request, "incident.ack", id);
    const accepted = accept && isOpen && options.accept(known.incident);
    if (accepted) noteAct(request, "incident.accept", id);
    const incident = await shown(id, request.caller.project);
    return { ...incident, ...(accept ? { accepted } : {}) };
  });

  const resolve = { config: { scope: "operate" as const, doc: DOCS.resolve } };
  app.post("/api/v1/incidents/:id/resolve", resolve, async (request) => {
    const { id } = parseInput(Params, request.params);
    await find(id, request.caller.project);
    if (await options.resolve(id)) noteAct(request, "incident.resolve", id);
    return shown(id, request.caller.project);
  });
};

async function inFull(
  { attemptsOf }: IncidentRoutesOptions,
  deliveries: readonly DeliveryRecord[],
): Promise<DeliveryInFull[]> {
  const attempts = await attemptsOf(deliveries.map(({ id }) => id));
  return deliveries.map((delivery) => ({ ...delivery, tries: attempts.get(delivery.id) ?? [] }));
}
