import type { IncomingMessage } from "node:http";
import { TracerError } from "@tracer/core";
import Fastify, { type FastifyInstance, type FastifyRequest } from "fastify";
import type { Observe } from "../observe.ts";
import { type AccessOptions, authorize } from "./access.ts";
import { type Caller, NOBODY, type Scope } from "./caller.ts";
import { clientAddress, type TrustedProxies } from "./client-address.ts";
import {
  CONNECTION_LIMITS,
  type ConnectionLimits,
  connectionOptions,
  limitConnections,
  requireFewHeaders,
} from "./connections.ts";
import { createErrorHandler } from "./errors.ts";
import type { RouteDoc } from "./openapi/route-doc.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Who is calling; set for every route that is not open. */
    caller: Caller;
  }
  interface FastifyContextConfig {
    /** The right that the route needs, `read` when it says nothing; `any` takes every key, `open` needs none. */
    scope?: Scope | "any" | "open";
    /** True for pages that people open by a link. */
    page?: boolean;
    /** True for pages that ask whoever has no key for one: they are served with nobody as the caller. */
    login?: boolean;
    /** Query parameter that may hold the key, for clients that know no other way. */
    keyInQuery?: string;
    /** What it takes and gives, for the API's document. */
    doc?: RouteDoc;
  }
}

export interface ServerOptions {
  readonly access: AccessOptions;
  readonly observe: Observe;
  /** Path of PUBLIC_URL, taken off requests whose proxy left it on. Default `/`. */
  readonly basePath?: string;
  /** Proxies that say where a request comes from. Default: none. */
  readonly trustedProxies?: TrustedProxies;
  /** Default: CONNECTION_LIMITS. */
  readonly connections?: ConnectionLimits;
}

/** JSON bodies of the API; ingest has its own limits. */
const API_BODY_BYTES_MAX = 1024 * 1024;

/** An empty server with access control, one error shape and safe headers; routes are registered on it. */
export function createServer(options: ServerOptions): FastifyInstance {
  const { access, observe, connections = CONNECTION_LIMITS } = options;
  const { trustedProxies = null, basePath = "/" } = options;
  const base = basePath.replace(/\/+$/, "");
  const app = Fastify({
    ...connectionOptions(connections),
    bodyLimit: API_BODY_BYTES_MAX,
    forceCloseConnections: "idle",
    return503OnClosing: true,
    exposeHeadRoutes: true,
    routerOptions: { ignoreTrailingSlash: true },
    rewriteUrl: ({ url = "/" }: IncomingMessage) => (base === "" ? url : withoutBase(url, base)),
    frameworkErrors: createErrorHandler(observe),
  });
  limitConnections(app.server, connections);
  acceptEmptyJson(app);
  app.decorateRequest("caller");
  app.addHook("onRequest", async (request, reply) => {
    reply.header("x-content-type-options", "nosniff");
    reply.header("referrer-policy", "no-referrer");
    request.caller = NOBODY;
    requireFewHeaders(request.raw);
    const { scope = "read", page = false, keyInQuery = null } = request.routeOptions.config;
    if (scope === "open") return;
    const { headers, query } = request;
    const address = clientAddress(request.raw, trustedProxies);
    const asked = { headers, query, scope, page, keyInQuery, address };
    try {
      request.caller = await authorize(access, asked);
    } catch (error) {
      if (!asksForKey(request, error)) throw error;
    }
  });
  app.setErrorHandler(createErrorHandler(observe));
  app.setNotFoundHandler(async (request) => {
    throw new TracerError(
      "NOT_FOUND",
      `There is nothing at ${request.method} ${pathOf(request.url)}.`,
    );
  });
  return app;
}

/** Clients name the type of a body that is not there, as of DELETE; Fastify would refuse them. */
function acceptEmptyJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser("error", "error");
  app.addContentTypeParser("application/json", { parseAs: "string" }, (request, body, done) => {
    if (body === "") done(null, undefined);
    else parse(request, String(body), done);
  });
}

/** Whether a person who opens a page can be asked for the key that is missing. */
function asksForKey({ headers, routeOptions }: FastifyRequest, error: unknown): boolean {
  if (routeOptions.config.login !== true || !(error instanceof TracerError)) return false;
  const isMissing = ["KEY_MISSING", "KEY_INVALID", "KEY_FORBIDDEN"].includes(error.code);
  return isMissing && headers.accept?.includes("text/html") === true;
}

function withoutBase(url: string, base: string): string {
  if (!url.startsWith(base)) return url;
  const rest = url.slice(base.length);
  return rest.startsWith("/") ? rest : /^(\?|$)/.test(rest) ? `/${rest}` : url;
}

function pathOf(url: string): string {
  return url.split("?")[0] ?? url;
}
