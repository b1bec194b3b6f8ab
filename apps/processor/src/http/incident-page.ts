import type { FastifyPluginAsync, FastifyRequest } from "fastify";
import { z } from "zod";
import { sendHtml } from "./html/frame.ts";
import { type IncidentInFull, incidentBody } from "./html/incident-page.ts";
import { loginBody } from "./html/login-page.ts";
import { parseInput } from "./input.ts";
import type { RouteDoc } from "./openapi/route-doc.ts";

export interface IncidentPageOptions {
  /** Null: the project has none of this id. */
  readonly find: (id: string, project: string) => Promise<IncidentInFull | null>;
}

/** What an incident's address says to whoever runs no script. */
export interface IncidentShown {
  readonly status: number;
  readonly title: string;
  /** Markup, in which every text is escaped. */
  readonly body: string;
  /** More for the head: markup. */
  readonly head?: string;
}

const Params = z.object({ id: z.string().max(60) });

const DOC: RouteDoc = {
  tag: "pages",
  summary: "One incident as a page, where links in alerts lead; works without a script.",
  params: Params,
  answers: { 200: { type: "text/html" } },
};

/** `/i/<incident>`: whoever has no session is asked for a key, and comes back. */
export const incidentPage: FastifyPluginAsync<IncidentPageOptions> = async (app, options) => {
  const config = { scope: "read" as const, page: true, login: true, doc: DOC };
  app.get("/i/:id", { config }, async (request, reply) => {
    const { status, ...page } = await incidentShown(options, request);
    return sendHtml(reply.code(status), page);
  });
};

/** The incident, a form that asks for a key, or that there is none of this id. */
async function incidentShown(
  { find }: IncidentPageOptions,
  request: FastifyRequest,
): Promise<IncidentShown> {
  const { id } = parseInput(Params, request.params);
  if (request.caller.project === "") {
    // From another site the browser keeps the cookie back; from this page it sends it.
    if (request.headers["sec-fetch-site"] === "cross-site") return AGAIN;
    const next = /^[a-zA-Z0-9_-]+$/.test(id) ? `i/${id}` : "";
    return { status: 401, title: "Log in to Tracer", body: loginBody({ root: "../", next }) };
  }
  const incident = await find(id, request.caller.project);
  if (incident === null) return UNKNOWN;
  return { status: 200, title: incident.title, body: incidentBody(incident) };
}

const UNKNOWN: IncidentShown = {
  status: 404,
  title: "No such incident",
  body:
    '<header><p class="brand">Tracer</p><h1>There is no such incident</h1><p class="lede">It may be older than what is kept, ' +
    'or belong to another project.</p></header><main><p><a href="../">What is open now</a></p></main>',
};

const AGAIN: IncidentShown = {
  status: 401,
  title: "Tracer",
  head: '<meta http-equiv="refresh" content="0">',
  body: '<main><p>One moment. If nothing happens, <a href="">go on</a>.</p></main>',
};
