import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import fastifyStatic from "@fastify/static";
import type { FastifyPluginAsync, FastifyReply } from "fastify";
import { ANSWERS } from "./answers/index.ts";
import { ELASTIC_PRODUCT, ELASTIC_VERSION, elasticTypeOf } from "./elastic-type.ts";
import type { RouteDoc } from "./openapi/route-doc.ts";

const PAGE_DIR = fileURLToPath(new URL("../../../console/public/", import.meta.url));

const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

export interface PageRoutesOptions {
  readonly version: string;
}

const ROOT_DOC: RouteDoc = {
  tag: "pages",
  summary: "The operator page where HTML is accepted, else what Elasticsearch's clients ask first.",
  answers: { 200: { schema: ANSWERS.Handshake } },
};
const ASSET_DOC: RouteDoc = {
  tag: "pages",
  summary: "Files of the operator page.",
  answers: { 200: { type: "*/*" } },
};

/** The operator page at `/`, its files under `/assets/`. */
export const pageRoutes: FastifyPluginAsync<PageRoutesOptions> = async (app, { version }) => {
  const html = await readFile(`${PAGE_DIR}index.html`, "utf8");
  const send = (reply: FastifyReply) =>
    reply
      .header("content-security-policy", CONTENT_SECURITY_POLICY)
      .header("cache-control", "no-cache")
      .type("text/html; charset=utf-8")
      .send(html);

  // A shipper with a key that may only send must get its handshake; the page itself holds no data.
  const root = { config: { scope: "any" as const, page: true, login: true, doc: ROOT_DOC } };
  app.get("/", root, async (request, reply) => {
    if (request.headers.accept?.includes("text/html")) {
      if (request.caller.project === "") reply.code(401); // The page asks for a key.
      return send(reply);
    }
    return reply
      .header(ELASTIC_PRODUCT.name, ELASTIC_PRODUCT.value)
      .type(elasticTypeOf(request.headers.accept))
      .send(JSON.stringify(handshake(version)));
  });
  app.addHook("onRoute", (route) => {
    if (route.url.startsWith("/assets/")) {
      route.config = { ...route.config, scope: "open", doc: ASSET_DOC };
    }
  });
  await app.register(fastifyStatic, {
    root: PAGE_DIR,
    prefix: "/assets/",
    index: false,
    cacheControl: true,
    maxAge: 0,
  });
};

/** What Elasticsearch's clients ask before they send. */
function handshake(version: string) {
  return {
    name: "tracer",
    cluster_name: "tracer",
    cluster_uuid: "tracer",
    version: {
      number: ELASTIC_VERSION,
      build_flavor: "default",
      build_type: `tracer ${version}`,
      minimum_wire_compatibility_version: "7.17.0",
      minimum_index_compatibility_version: "7.0.0",
    },
    tagline: "You Know, for Search",
  };
}
