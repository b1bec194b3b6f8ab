import { flatten } from "@tracer/core";
import type { Deploy, ListDeploysOptions } from "@tracer/store";
import type { FastifyPluginAsync } from "fastify";
import { z } from "zod";
import { ANSWERS } from "./answers/index.ts";
import { noteAct } from "./audit.ts";
import { parseInput } from "./input.ts";
import type { RouteDoc } from "./openapi/route-doc.ts";

export interface DeployRoutesOptions {
  readonly mark: (options: {
    project: string;
    service: string;
    version: string;
    environment: string;
    by: string;
  }) => Promise<Deploy>;
  readonly list: (options: ListDeploysOptions) => Promise<Deploy[]>;
}

const NAME_CHARS_MAX = 200;
const DEPLOYS_PER_PAGE_MAX = 200;

const Text = z.string().refine((text) => !text.includes("\0"), "must not hold NUL");
const Name = Text.max(NAME_CHARS_MAX);
const Body = z.strictObject({
  service: Name.min(1),
  version: Text.refine((text) => flatten(text) !== "", "must not be empty"),
  environment: Name.default(""),
});
const ListQuery = z.object({
  service: Name.min(1).optional(),
  limit: z.coerce.number().int().min(1).max(DEPLOYS_PER_PAGE_MAX).default(50),
});

const LIST: RouteDoc = {
  tag: "operate",
  summary: "Deploys, newest first.",
  query: ListQuery,
  answers: { 200: { schema: ANSWERS.DeployList } },
};
const MARK: RouteDoc = {
  tag: "operate",
  summary: "Notes that a version of a service went live just now.",
  body: { schema: Body },
  answers: { 201: { schema: ANSWERS.Deploy } },
};

/** Deploys of the caller's project. A pipeline that ships may mark them with the key that sends its logs. */
export const deployRoutes: FastifyPluginAsync<DeployRoutesOptions> = async (app, options) => {
  app.get("/api/v1/deploys", { config: { doc: LIST } }, async (request) => {
    const { service, limit } = parseInput(ListQuery, request.query);
    const { project } = request.caller;
    const deploys = await options.list({
      ...{ project, limit },
      ...(service === undefined ? {} : { service }),
    });
    return { deploys };
  });

  const mark = { config: { scope: "ingest" as const, doc: MARK } };
  app.post("/api/v1/deploys", mark, async (request, reply) => {
    const body = parseInput(Body, request.body);
    reply.code(201);
    const { project, name } = request.caller;
    const deploy = await options.mark({ ...body, project, by: name });
    noteAct(request, "deploy.mark", `${deploy.service} ${deploy.version}`);
    return deploy;
  });
};
