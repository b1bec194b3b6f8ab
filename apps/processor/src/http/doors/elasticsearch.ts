import { type ErrorCode, TracerError } from "@tracer/core";
import { BulkItems, createBulkDecoder, listBulkActions } from "@tracer/ingest";
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from "fastify";
import { readBody } from "../body.ts";
import { ELASTIC_PRODUCT, elasticTypeOf } from "../elastic-type.ts";
import { dialectErrors } from "../errors.ts";
import { InFlight, RETRY_AFTER_SECONDS } from "../in-flight.ts";
import { DOOR_DOCS } from "./docs.ts";
import { type DoorOptions, receive } from "./door.ts";
import { bulkAnswer } from "./elasticsearch-answer.ts";
import { elasticStubs } from "./elasticsearch-stubs.ts";

/**
 * A refused body of at most this is read all the same, to refuse its actions one by one: that is what the helpers
 * of the official clients retry by themselves. A larger one is refused as a whole.
 */
const REFUSED_BODY_BYTES_MAX = 1024 * 1024;
/** What refused bodies may hold at once, beside the budget that they did not fit in. */
const REFUSED_BYTES_MAX = 8 * 1024 * 1024;

/** Elasticsearch's bulk API, and what shippers ask around it. */
export const elasticsearchDoor: FastifyPluginAsync<DoorOptions> = async (app, options) => {
  const refusals = new InFlight({ bytesMax: REFUSED_BYTES_MAX });
  app.addHook("onSend", async (request, reply) => {
    reply.header(ELASTIC_PRODUCT.name, ELASTIC_PRODUCT.value);
    if (reply.getHeader("content-type") !== undefined) {
      reply.header("content-type", elasticTypeOf(request.headers.accept));
    }
  });
  app.setErrorHandler(
    dialectErrors(options.observe, ({ code, status, message }) => {
      const saidStatus = code === "INGEST_BUSY" ? 429 : status;
      const cause = { type: typeOf(code, saidStatus), reason: message };
      return {
        status: saidStatus,
        body: { error: { root_cause: [cause], ...cause }, status: saidStatus },
      };
    }),
  );
  const bulk = async (request: FastifyRequest, reply: FastifyReply) => {
    const items = new BulkItems();
    let bytes: Uint8Array = new Uint8Array(0);
    try {
      await receive(options, request, {
        name: "elasticsearch",
        createDecoder: (body, context, onBatch) => {
          bytes = body;
          return createBulkDecoder(body, context, onBatch, items);
        },
      });
    } catch (error) {
      const refused = await readRefused(request, refusals, error);
      if (refused === null || !listBulkActions(refused, items)) throw error;
      bytes = refused;
      reply.header("retry-after", String(RETRY_AFTER_SECONDS));
    }
    const tookMs = reply.elapsedTime;
    const index = paramOf(request, "index");
    const filterPath = queryOf(request, "filter_path");
    reply.type("application/json");
    return bulkAnswer({ items, bytes, index, tookMs, filterPath });
  };
  const config = { scope: "ingest", doc: DOOR_DOCS.elasticBulk } as const;
  for (const url of ["/_bulk", "/:index/_bulk"]) {
    app.route({ method: ["POST", "PUT"], url, config, handler: bulk });
  }
  await app.register(elasticStubs);
};

/** The body of a request that was refused before it was read, when that is cheap; else null. */
async function readRefused(
  request: FastifyRequest,
  refusals: InFlight,
  error: unknown,
): Promise<Buffer | null> {
  const { raw } = request;
  if (!(error instanceof TracerError) || error.code !== "INGEST_BUSY") return null;
  const length = Number(raw.headers["content-length"] ?? Number.NaN);
  if (raw.readableDidRead || !(length <= REFUSED_BODY_BYTES_MAX)) return null;
  if (raw.headers["content-encoding"] !== undefined) return null;
  if (refusals.bytes + length > refusals.bytesMax) return null;
  const share = refusals.admit(0);
  try {
    return await readBody(raw, share);
  } finally {
    share.release();
  }
}

function typeOf(code: ErrorCode, status: number): string {
  if (status === 429) return "es_rejected_execution_exception";
  if (status === 401 || status === 403) return "security_exception";
  if (status === 404) return "resource_not_found_exception";
  if (status === 413) return "content_too_long_exception";
  if (status >= 500) return code === "SHUTTING_DOWN" ? "node_closed_exception" : "exception";
  return code === "BODY_EMPTY" ? "parse_exception" : "illegal_argument_exception";
}

function queryOf(request: FastifyRequest, name: string): string | null {
  const { query } = request;
  if (typeof query !== "object" || query === null) return null;
  const value: unknown = Object.entries(query).find(([key]) => key === name)?.[1];
  return typeof value === "string" ? value : null;
}

function paramOf(request: FastifyRequest, name: string): string {
  const { params } = request;
  if (typeof params !== "object" || params === null) return "";
  const value: unknown = Object.entries(params).find(([key]) => key === name)?.[1];
  return typeof value === "string" ? value : "";
}
