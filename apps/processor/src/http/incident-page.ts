import type { FastifyPluginAsync, FastifyReply } from "fastify";
import { z } from "zod";
import { sendHtml } from "./html/frame.ts";
import { type IncidentInFull, incidentBody } from "./html/incident-page.ts";
import { sendLogin } from "./html/login-page.ts";
import { parseInput } from "./input.ts";
import type { RouteDoc } from "./openapi/route-doc.ts";

export interface IncidentPageOptions {
  /** Null: the project has none of this id. */
  readonly find: (id: string, project: string) => Promise<IncidentInFull | null>;
}

const Params = z.object({ id: z.string().max(60) });

const DOC: RouteDoc = {
  tag: "pages",
  summary: "One incident as a page, where links in alerts lead; works without a script.",
  params: Params,
  answers: { 200: { type: "text/html" } },
};

/** `/i/<incident>`: whoever has no session is asked for a key, and comes back. */
export const incidentPage: FastifyPluginAsync<IncidentPageOptions> = async (app, { find }) => {
  const config = { scope: "read" as const, page: true, login: true, doc: DOC };
  app.get("/i/:id", { config }, async (request, reply) => {
    const { id } = parseInput(Params, request.params);
    if (request.caller.project === "") {
      // From another site the browser keeps the cookie back; from this page it sends it.
      const isForeign = request.headers["sec-fetch-site"] === "cross-site";
      if (isForeign) return sendAgain(reply);
      const next = /^[a-zA-Z0-9_-]+$/.test(id) ? `i/${id}` : "";
      return sendLogin(reply.code(401), { root: "../", next });
    }
    const incident = await find(id, request.caller.project);
    if (incident !== null) {
      return sendHtml(reply, { title: incident.title, body: incidentBody(incident) });
    }
    return sendHtml(reply.code(404), {
      title: "No such incident",
      body:
        '<header><p class="brand">Tracer</p><h1>There is no such incident</h1><p class="lede">It may be older than what is kept, ' +
        'or belong to another project.</p></header><main><p><a href="../">What is open now</a></p></main>',
    });
  });
};

function sendAgain(reply: FastifyReply): FastifyReply {
  return sendHtml(reply.code(401), {
    title: "Tracer",
    head: '<meta http-equiv="refresh" content="0">',
    body: '<main><p>One moment. If nothing happens, <a href="">go on</a>.</p></main>',
  });
}
