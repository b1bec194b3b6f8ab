import type { Act, AuditPage, ListActsOptions } from "@tracer/store";
import type { FastifyInstance, FastifyPluginAsync, FastifyRequest } from "fastify";
import { z } from "zod";
import type { Observe } from "../observe.ts";
import { ANSWERS } from "./answers/index.ts";
import type { Caller } from "./caller.ts";
import { parseInput } from "./input.ts";
import type { RouteDoc } from "./openapi/route-doc.ts";
import { projectAsked } from "./project-asked.ts";

/** An act as its route notes it. */
interface Acted {
  readonly act: Act;
  readonly subject: string;
  readonly caller: Caller;
}

declare module "fastify" {
  interface FastifyRequest {
    /** What was done by now; null: nothing. */
    acted: Acted[] | null;
  }
}

/** Notes what a request has done; it is kept when its answer is on its way. */
export function noteAct(
  request: FastifyRequest,
  act: Act,
  subject: string,
  caller: Caller = request.caller,
): void {
  request.acted ??= [];
  request.acted.push({ act, subject, caller });
}

export interface RecordActsOptions {
  readonly record: (entry: {
    project: string;
    actor: string;
    act: Act;
    subject: string;
  }) => Promise<void>;
  readonly observe: Observe;
}

/** Keeps what the routes of `app` note. What cannot be kept was done all the same, and is said. */
export function recordActs(app: FastifyInstance, { record, observe }: RecordActsOptions): void {
  app.decorateRequest("acted", null);
  app.addHook("onSend", async ({ acted }) => {
    for (const { act, subject, caller } of acted ?? []) {
      const entry = { project: caller.project, actor: caller.name, act, subject };
      await record(entry).catch((error: unknown) =>
        observe({ name: "act_not_recorded", ...entry, error }),
      );
    }
  });
}

export interface AuditRoutesOptions {
  readonly list: (options: ListActsOptions) => Promise<AuditPage>;
}

const ENTRIES_PER_PAGE_MAX = 500;

const ListQuery = z.object({
  project: z.string().max(64).optional().describe("`*` for all; administrators of `default` only."),
  limit: z.coerce.number().int().min(1).max(ENTRIES_PER_PAGE_MAX).default(100),
  cursor: z.string().max(100).optional(),
});

const DOC: RouteDoc = {
  tag: "administer",
  summary: "Who did what, newest first; kept for a year.",
  query: ListQuery,
  answers: { 200: { schema: ANSWERS.AuditPage } },
};

/** What was done in the caller's project. */
export const auditRoutes: FastifyPluginAsync<AuditRoutesOptions> = async (app, { list }) => {
  app.get("/api/v1/audit", { config: { scope: "admin", doc: DOC } }, async (request) => {
    const { project, limit, cursor } = parseInput(ListQuery, request.query);
    return list({
      ...{ project: projectAsked(request.caller, project), limit },
      ...(cursor === undefined ? {} : { cursor }),
    });
  });
};
