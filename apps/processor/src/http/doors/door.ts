import { TracerError } from "@tracer/core";
import type { CreateDecoder, DecodeReport } from "@tracer/ingest";
import type { FastifyRequest } from "fastify";
import type { VercelConfig } from "../../config.ts";
import type { MetricOrigin, MetricReport } from "../../metric-pipeline.ts";
import type { Observe } from "../../observe.ts";
import type { BatchOrigin } from "../../pipeline.ts";
import { admitBody, readBody } from "../body.ts";
import { statusOf } from "../errors.ts";
import type { InFlight, InFlightShare } from "../in-flight.ts";
import type { RateLimits } from "../rate-limits.ts";

/** What every door needs. */
export interface DoorOptions {
  readonly ingest: (bytes: Uint8Array, origin: BatchOrigin) => Promise<DecodeReport>;
  readonly ingestMetrics: (bytes: Uint8Array, origin: MetricOrigin) => MetricReport;
  readonly inFlight: InFlight;
  /** What one key may send. Not given: as much as it likes. */
  readonly limits?: RateLimits;
  readonly observe: Observe;
  readonly vercel?: VercelConfig;
}

/** How one request's body is read. */
export interface Protocol {
  /** Label of metrics and events; one of few. */
  readonly name: string;
  readonly createDecoder: CreateDecoder;
  /** Service of records that name none. Default: `serviceOf(request)`. */
  readonly defaultService?: string;
  /** Undoes what lies around the records beside Content-Encoding; memory that it takes comes from `share`. */
  readonly unpack?: (body: Buffer, share: InFlightShare) => Buffer | Promise<Buffer>;
}

/**
 * Takes one request's records in: a share of the budget before the body is read, then the body, then all
 * its records at once. Returns when they are counted, and throws a TracerError when none was.
 */
export async function receive(
  { ingest, inFlight, limits, observe }: DoorOptions,
  request: FastifyRequest,
  protocol: Protocol,
): Promise<DecodeReport> {
  const { name, createDecoder, unpack, defaultService = serviceOf(request) } = protocol;
  const { id, project, pinnedService } = request.caller;
  try {
    limits?.check(id);
    const share = admitBody(request.raw, inFlight);
    try {
      const body = await readBody(request.raw, share);
      const bytes = unpack === undefined ? body : await unpack(body, share);
      return await ingest(bytes, {
        ...{ protocol: name, createDecoder, project, defaultService },
        ...(pinnedService === undefined ? {} : { pinnedService }),
        take: (records) => limits?.take(id, records, bytes.length),
      });
    } finally {
      share.release();
    }
  } catch (error) {
    if (error instanceof TracerError) {
      const { code } = error;
      observe({ name: "batch_refused", protocol: name, code, status: statusOf(code) });
    }
    throw error;
  }
}

/** `?service=`, else the `X-Service` header, else `unknown`. */
export function serviceOf(request: FastifyRequest): string {
  const { query } = request;
  if (typeof query === "object" && query !== null && "service" in query) {
    const service = Array.isArray(query.service) ? query.service[0] : query.service;
    if (typeof service === "string" && service !== "") return service;
  }
  const header = request.headers["x-service"];
  return typeof header === "string" && header !== "" ? header : "unknown";
}
