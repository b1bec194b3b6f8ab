import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Clock, escapeMarkup, TracerError } from "@tracer/core";
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import type { Observe } from "../observe.ts";
import type { PageFile } from "../page/files.ts";
import { type BuiltPage, PageSource } from "../page/page-source.ts";
import { ANSWERS } from "./answers/index.ts";
import { ELASTIC_PRODUCT, ELASTIC_VERSION, elasticTypeOf } from "./elastic-type.ts";
import type { RouteDoc } from "./openapi/route-doc.ts";

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));

const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join("; ");

const ROOT_DOC: RouteDoc = {
  tag: "pages",
  summary: "The operator page where HTML is accepted, else what Elasticsearch's clients ask first.",
  answers: { 200: { schema: ANSWERS.Handshake } },
};
const PAGE_DOC: RouteDoc = {
  tag: "pages",
  summary: "The operator page.",
  answers: { 200: { type: "text/html" } },
};
const INCIDENT_DOC: RouteDoc = {
  tag: "pages",
  summary: "One incident as a page, where links in alerts lead; works without a script.",
  params: z.object({ id: z.string().max(60) }),
  answers: { 200: { type: "text/html" } },
};
const ASSET_DOC: RouteDoc = {
  tag: "pages",
  summary: "Files of the operator page.",
  answers: { 200: { type: "*/*" } },
};

/** Of the page's own addresses, all but `/` and `/i/<id>`. */
const PAGES = [
  ...["services", "service", "silences", "channels", "deliveries"],
  ...["backtest", "send", "settings"],
] as const;

/** Somebody who opens the page while it is being built waits for it this long. */
const WAIT_MS = 20_000;
const YEAR_SECONDS = 31_536_000;

export interface PageRoutesOptions {
  readonly version: string;
  readonly observe: Observe;
  readonly clock: Clock;
  /** What `/i/<id>` says to whoever runs no script. Default: that one is needed. */
  readonly withoutScript?: (request: FastifyRequest) => Promise<WithoutScript>;
}

/** Markup, in which every text is escaped. */
export interface WithoutScript {
  readonly status: number;
  readonly body: string;
  /** More for the head. */
  readonly head?: string;
}

/** The operator page at its addresses, its files under `/assets/`. It holds no data: that is the API's. */
export const pageRoutes: FastifyPluginAsync<PageRoutesOptions> = async (app, options) => {
  const { version } = options;
  const source = new PageSource({ ...options, root: ROOT });
  app.addHook("onClose", async () => source[Symbol.dispose]());
  const built = () => within(source.page);
  const asked = { page: true, login: true };
  const page = {
    config: { scope: "read" as const, ...asked, doc: PAGE_DOC },
    exposeHeadRoute: false,
  };
  const send = async (request: FastifyRequest, reply: FastifyReply, root: string) => {
    const status = request.caller.project === "" ? 401 : 200; // The page asks for a key.
    return sendPage(reply, await built(), { root, status, body: NO_SCRIPT });
  };

  // A shipper with a key that may only send must get its handshake.
  const root = { config: { scope: "any" as const, ...asked, doc: ROOT_DOC } };
  app.get("/", root, async (request, reply) => {
    if (request.headers.accept?.includes("text/html")) return send(request, reply, "./");
    return reply
      .header(ELASTIC_PRODUCT.name, ELASTIC_PRODUCT.value)
      .type(elasticTypeOf(request.headers.accept))
      .send(JSON.stringify(handshake(version)));
  });
  const incident = { ...page, config: { ...page.config, doc: INCIDENT_DOC } };
  app.get("/i/:id", incident, async (request, reply) => {
    if (options.withoutScript === undefined) return send(request, reply, "../");
    const shown = { root: "../", ...(await options.withoutScript(request)) };
    return sendPage(reply, await built(), shown);
  });
  for (const name of PAGES) {
    app.get(`/${name}`, page, (request, reply) => send(request, reply, "./"));
  }
  const open = { config: { scope: "open" as const, doc: ASSET_DOC }, exposeHeadRoute: false };
  const sendAsset = async (request: FastifyRequest, reply: FastifyReply, name: string) => {
    const found = await built();
    const file = found.kind === "built" ? found.files.get(name) : undefined;
    if (file === undefined) throw new TracerError("NOT_FOUND", "The page has no such file.");
    // The name of what is under assets/ changes with its content.
    const maxAge = name.startsWith("assets/") ? `max-age=${YEAR_SECONDS}, immutable` : "no-cache";
    return sendFile(request, reply.header("cache-control", maxAge), file);
  };
  app.get<{ Params: { name: string } }>("/assets/:name", open, async (request, reply) =>
    sendAsset(request, reply, `assets/${request.params.name}`),
  );
  for (const name of ["favicon.svg", "theme.js"]) {
    app.get(`/${name}`, open, async (request, reply) => sendAsset(request, reply, name));
  }
};

async function within(page: Promise<BuiltPage>): Promise<BuiltPage> {
  const late: BuiltPage = {
    kind: "failed",
    reason: "It is still being built; load this page again.",
  };
  const stop = new AbortController();
  const timeout = pause(WAIT_MS, late, { signal: stop.signal }).catch(() => late);
  const found = await Promise.race([page, timeout]);
  stop.abort();
  return found;
}

interface Shown extends WithoutScript {
  /** What leads from the address to the root, as a relative URL. */
  readonly root: string;
}

function sendPage(reply: FastifyReply, page: BuiltPage, { root, status, body, head = "" }: Shown) {
  reply
    .header("content-security-policy", CONTENT_SECURITY_POLICY)
    .header("cross-origin-opener-policy", "same-origin")
    .header("cache-control", "no-cache")
    .type("text/html; charset=utf-8");
  if (page.kind === "failed") return reply.code(503).send(plainPage(page.reason));
  const html = page.html
    .replaceAll('="./', `="${root}`)
    .replace("<!--content-->", () => `<noscript>${body}</noscript>`)
    .replace("</head>", () => `${head === "" ? "" : `<noscript>${head}</noscript>`}</head>`);
  return reply.code(status).send(html);
}

function sendFile(request: FastifyRequest, reply: FastifyReply, file: PageFile) {
  reply.type(file.type).header("vary", "accept-encoding");
  const takesGzip = /\bgzip\b/.test(String(request.headers["accept-encoding"] ?? ""));
  if (!takesGzip) return reply.send(file.body);
  return reply.header("content-encoding", "gzip").send(file.gzipped);
}

const NO_SCRIPT =
  "<main><p>This page needs JavaScript. The same facts are under <code>/api/v1</code>, and " +
  "<code>tracer incidents list</code> prints them.</p></main>";

/** For when there is no page: what works all the same, and how to get one. */
function plainPage(reason: string): string {
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Tracer</title></head>
<body>
<h1>Tracer works; its page does not</h1>
<p>The page is built when Tracer starts, from <code>apps/console</code>, and that did not succeed. Records are
counted and alerts are sent all the same, and <code>/api/v1/incidents</code> and
<code>tracer incidents list</code> tell what is open.</p>
<p>To build it: <code>npx -y pnpm@12.21.0 install</code>, then start Tracer again.</p>
<pre>${escapeMarkup(reason, 2_000)}</pre>
</body>
</html>
`;
}

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
