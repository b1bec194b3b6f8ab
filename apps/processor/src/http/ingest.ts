import { TracerError } from "@tracer/core";
import type { DecodeReport } from "@tracer/ingest";
import type { FastifyPluginAsync, FastifyRequest } from "fastify";
import type { Observe } from "../observe.ts";
import type { BatchOrigin } from "../pipeline.ts";
import { admitBody, readBody } from "./body.ts";
import { statusOf } from "./errors.ts";
import type { InFlight } from "./in-flight.ts";

export interface IngestRoutesOptions {
  readonly ingest: (bytes: Uint8Array, origin: BatchOrigin) => Promise<DecodeReport>;
  readonly inFlight: InFlight;
  readonly observe: Observe;
}

/**
 * The doors for log records. A body is looked at by its content, never by its content type. Back-pressure
 * comes before the body is read; 2xx means counted.
 */
export const ingestRoutes: FastifyPluginAsync<IngestRoutesOptions> = async (app, options) => {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, _payload, done) => done(null));
  app.addHook("onRequest", async (request) => {
    // Content types that Fastify would refuse to parse must not matter either.
    request.raw.headers["content-type"] = "application/octet-stream";
  });

  app.post("/logs", { config: { scope: "ingest" } }, async (request, reply) => {
    const report = await receive(options, request, "logs");
    const { accepted, rejected, errors, warnings } = report;
    reply.code(202);
    return warnings.length === 0
      ? { accepted, rejected, errors }
      : { accepted, rejected, errors, warnings };
  });
};

async function receive(
  { ingest, inFlight, observe }: IngestRoutesOptions,
  request: FastifyRequest,
  protocol: string,
): Promise<DecodeReport> {
  try {
    const share = admitBody(request.raw, inFlight);
    try {
      const body = await readBody(request.raw, share);
      const defaultService = serviceOf(request);
      return await ingest(body, { protocol, project: request.caller.project, defaultService });
    } finally {
      share.release();
    }
  } catch (error) {
    if (error instanceof TracerError) {
      const { code } = error;
      observe({ name: "batch_refused", protocol, code, status: statusOf(code) });
    }
    throw error;
  }
}

/** `?service=`, else the `X-Service` header, else `unknown`. */
function serviceOf(request: FastifyRequest): string {
  const { query } = request;
  if (typeof query === "object" && query !== null && "service" in query) {
    const service = Array.isArray(query.service) ? query.service[0] : query.service;
    if (typeof service === "string" && service !== "") return service;
  }
  const header = request.headers["x-service"];
  return typeof header === "string" && header !== "" ? header : "unknown";
}
