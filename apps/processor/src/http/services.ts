import { TracerError } from "@tracer/core";
import type { FastifyPluginAsync } from "fastify";
import { z } from "zod";
import {
  SERVICES_LISTED,
  SERVICES_LISTED_MAX,
  type ServicesListed,
  type ServicesRoom,
  type ServicesView,
} from "../services-view.ts";
import { ANSWERS } from "./answers/index.ts";
import { parseInput } from "./input.ts";
import type { RouteDoc } from "./openapi/route-doc.ts";

export interface ServiceRoutesOptions {
  readonly services: ServicesView;
}

interface ServicesAnswer extends ServicesListed {
  readonly room: ServicesRoom;
}

const ListQuery = z.object({
  limit: z.coerce.number().int().min(1).max(SERVICES_LISTED_MAX).default(SERVICES_LISTED),
  search: z.string().max(300).default(""),
});

const Params = z.object({ service: z.string().min(1).max(300) });
const SeriesQuery = z.object({
  environment: z.string().default(""),
  from: z.iso.datetime({ offset: true, error: "must be an ISO 8601 time" }).optional(),
  to: z.iso.datetime({ offset: true, error: "must be an ISO 8601 time" }).optional(),
});

const LIST: RouteDoc = {
  tag: "services",
  summary: "What is watched, the most surprising first.",
  query: ListQuery,
  answers: { 200: { schema: ANSWERS.ServiceList } },
};
const SERIES: RouteDoc = {
  tag: "services",
  summary: "Buckets of a service, with what was expected.",
  params: Params,
  query: SeriesQuery,
  answers: { 200: { schema: ANSWERS.Series } },
};

/** The services of the caller's project, as this processor sees them. */
export const serviceRoutes: FastifyPluginAsync<ServiceRoutesOptions> = async (
  app,
  { services },
) => {
  app.get(
    "/api/v1/services",
    { config: { doc: LIST } },
    async (request): Promise<ServicesAnswer> => {
      const { project } = request.caller;
      const listed = await services.list({ ...parseInput(ListQuery, request.query), project });
      return { ...listed, room: services.room };
    },
  );

  app.get("/api/v1/services/:service/series", { config: { doc: SERIES } }, async (request) => {
    const { service } = parseInput(Params, request.params);
    const { environment, from, to } = parseInput(SeriesQuery, request.query);
    const key = { project: request.caller.project, environment, service };
    const buckets = services.buckets(key);
    if (buckets === null) throw new TracerError("NOT_FOUND", "There is no service of this name.");
    const fromMs = from === undefined ? Number.NEGATIVE_INFINITY : Date.parse(from);
    const toMs = to === undefined ? Number.POSITIVE_INFINITY : Date.parse(to);
    return {
      service,
      environment,
      bucketSeconds: 60,
      buckets: buckets.filter(({ startMs }) => startMs >= fromMs && startMs < toMs),
    };
  });
};
