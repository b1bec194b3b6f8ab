import type { FastifyPluginAsync } from "fastify";
import { sendHtml } from "../html/frame.ts";
import { sendLogin } from "../html/login-page.ts";
import type { DocumentedRoute } from "./collect.ts";
import { docsBody } from "./docs-page.ts";
import { type Json, openApiDocument } from "./document.ts";
import type { RouteDoc } from "./route-doc.ts";

export interface OpenApiRoutesOptions {
  /** Every route there is, once the server is ready. */
  readonly routes: () => readonly DocumentedRoute[];
  readonly version: string;
}

const JSON_DOC: RouteDoc = {
  tag: "pages",
  summary: "This document.",
  answers: { 200: { type: "application/json", description: "OpenAPI 3.1." } },
};
const PAGE_DOC: RouteDoc = {
  tag: "pages",
  summary: "This document, to be read by people.",
  answers: { 200: { type: "text/html" } },
};

/** `/openapi.json`, and `/docs`, which is made of it. Made at the first question. */
export const openApiRoutes: FastifyPluginAsync<OpenApiRoutesOptions> = async (app, options) => {
  let made: Json | null = null;
  const document = () => {
    made ??= openApiDocument(options.routes(), options.version);
    return made;
  };
  app.get("/openapi.json", { config: { doc: JSON_DOC } }, async () => document());
  app.get(
    "/docs",
    { config: { doc: PAGE_DOC, page: true, login: true } },
    async (request, reply) => {
      if (request.caller.project === "")
        return sendLogin(reply.code(401), { root: "", next: "docs" });
      return sendHtml(reply, { title: "Tracer API", body: docsBody(document()) });
    },
  );
};
