import type { FastifyInstance, RouteOptions } from "fastify";
import type { Scope } from "../caller.ts";
import type { RouteDoc } from "./route-doc.ts";

/** A route as it was registered. */
export interface DocumentedRoute {
  readonly method: string;
  /** In Fastify's words: `/api/v1/incidents/:id`. */
  readonly url: string;
  readonly scope: Scope | "any" | "open";
  readonly keyInQuery: string | null;
  /** Null: nobody has written what it does. */
  readonly doc: RouteDoc | null;
}

/** Every route that is registered on `app` from now on, in order; HEAD goes with its GET. */
export function collectRoutes(app: FastifyInstance): () => DocumentedRoute[] {
  const registered: RouteOptions[] = [];
  // Their config is read later: hooks of plugins may still add to it.
  app.addHook("onRoute", (route) => void registered.push(route));
  return () => {
    const all = registered.flatMap(({ method, url, config = {} }) => {
      const { scope = "read", keyInQuery = null, doc = null } = config;
      const methods = Array.isArray(method) ? method : [method];
      return methods.map((each) => ({ method: each, url, scope, keyInQuery, doc }));
    });
    const got = new Set(all.filter(({ method }) => method === "GET").map(({ url }) => url));
    return all.filter(({ method, url }) => method !== "HEAD" || !got.has(url));
  };
}
