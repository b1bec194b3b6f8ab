import type { FastifyPluginAsync } from "fastify";
import type { Observe } from "../observe.ts";

export interface HealthRoutesOptions {
  /** What is missing for Tracer to do its work; empty when it is ready. */
  readonly missing: () => Promise<readonly string[]>;
  readonly version: string;
  /** With keys, `/readyz` tells everybody whether, and nobody what. */
  readonly showDetails: boolean;
  readonly observe: Observe;
}

/** `/healthz`, `/readyz` and `/version` are open; `/metrics` needs `read`. */
export const healthRoutes: FastifyPluginAsync<HealthRoutesOptions> = async (app, options) => {
  const open = { config: { scope: "open" as const } };
  app.get("/healthz", open, async () => ({ status: "alive" }));
  app.get("/version", open, async () => ({ name: "tracer", version: options.version }));

  app.get("/readyz", open, async (_request, reply) => {
    const missing = await options.missing();
    if (missing.length === 0) return { status: "ready" };
    reply.code(503).header("retry-after", "1");
    return options.showDetails ? { status: "not ready", missing } : { status: "not ready" };
  });

  app.get("/metrics", async (_request, reply) => {
    reply.type("text/plain; version=0.0.4; charset=utf-8");
    return options.observe.metrics();
  });
};
