import type { Duplex } from "node:stream";
import { TracerError } from "@tracer/core";
import Fastify, { type FastifyInstance } from "fastify";
import type { Observe } from "../observe.ts";
import { type AccessOptions, authorize, type Caller, type Scope } from "./access.ts";
import { createErrorHandler } from "./errors.ts";

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
  }
}

export interface ServerOptions {
  readonly access: AccessOptions;
  readonly observe: Observe;
}

/** A whole request must have arrived within this. */
const REQUEST_TIMEOUT_MS = 60_000;
/** JSON bodies of the API; ingest has its own limits. */
const API_BODY_BYTES_MAX = 1024 * 1024;
const NOBODY: Caller = { project: "", scopes: [] };

/** An empty server with access control, one error shape and safe headers; routes are registered on it. */
export function createServer({ access, observe }: ServerOptions): FastifyInstance {
  const app = Fastify({
    bodyLimit: API_BODY_BYTES_MAX,
    requestTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: "idle",
    return503OnClosing: true,
    exposeHeadRoutes: true,
    routerOptions: { ignoreTrailingSlash: true },
    frameworkErrors: createErrorHandler(observe),
    clientErrorHandler: answerBrokenRequest,
  });
  app.decorateRequest("caller");
  app.addHook("onRequest", async (request, reply) => {
    reply.header("x-content-type-options", "nosniff");
    reply.header("referrer-policy", "no-referrer");
    request.caller = NOBODY;
    const { scope = "read", page = false } = request.routeOptions.config;
    if (scope === "open") return;
    request.caller = await authorize(access, { headers: request.headers, scope, page });
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

/** What Node cannot even read as a request. The socket ends with it. */
function answerBrokenRequest(error: Error & { code?: string }, socket: Duplex): void {
  if (!socket.writable) return void socket.destroy();
  const [status, message] = BROKEN[error.code ?? ""] ?? [
    "400 Bad Request",
    "This is not valid HTTP.",
  ];
  const body = JSON.stringify({ code: "INPUT_INVALID", message });
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: application/json; charset=utf-8\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}

const BROKEN: Readonly<Record<string, readonly [string, string]>> = {
  HPE_HEADER_OVERFLOW: ["431 Request Header Fields Too Large", "The headers are too large."],
  ERR_HTTP_REQUEST_TIMEOUT: ["408 Request Timeout", "The request did not arrive in time."],
};

function pathOf(url: string): string {
  return url.split("?")[0] ?? url;
}
