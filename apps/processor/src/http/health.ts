import type { FastifyPluginAsync } from "fastify";
import type { Observe } from "../observe.ts";
import { ANSWERS } from "./answers/index.ts";
import type { RouteDoc } from "./openapi/route-doc.ts";

export interface HealthRoutesOptions {
  /** What is missing for Tracer to do its work; empty when it is ready. */
  readonly missing: () => Promise<readonly string[]>;
  readonly version: string;
  /** With keys, `/readyz` tells everybody whether, and nobody what. */
  readonly showDetails: () => boolean;
  readonly observe: Observe;
}

const DOCS = {
  alive: {
    tag: "health",
    summary: "Whether the process answers at all.",
    answers: { 200: { schema: ANSWERS.Alive } },
  },
  version: {
    tag: "health",
    summary: "What runs here.",
    answers: { 200: { schema: ANSWERS.Version } },
  },
  ready: {
    tag: "health",
    summary: "Whether it can do its work.",
    answers: {
      200: { schema: ANSWERS.Ready },
      503: { schema: ANSWERS.NotReady, description: "Something is missing." },
    },
  },
  metrics: {
    tag: "health",
    summary: "Metrics in Prometheus' text format.",
    answers: { 200: { type: "text/plain" } },
  },
} as const satisfies Readonly<Record<string, RouteDoc>>;

/** `/healthz`, `/readyz` and `/version` are open; `/metrics` needs `read`. */
export const healthRoutes: FastifyPluginAsync<HealthRoutesOptions> = async (app, options) => {
  const open = (doc: RouteDoc) => ({ config: { scope: "open" as const, doc } });
  app.get("/healthz", open(DOCS.alive), async () => ({ status: "alive" }));
  app.get("/version", open(DOCS.version), async () => ({
    name: "tracer",
    version: options.version,
  }));

  app.get("/readyz", open(DOCS.ready), async (_request, reply) => {
    const missing = await options.missing();
    if (missing.length === 0) return { status: "ready" };
    reply.code(503).header("retry-after", "1");
    return options.showDetails() ? { status: "not ready", missing } : { status: "not ready" };
  });

  app.get("/metrics", { config: { doc: DOCS.metrics } }, async (_request, reply) => {
    reply.type("text/plain; version=0.0.4; charset=utf-8");
    return options.observe.metrics();
  });
};
