import { type ErrorCode, TracerError } from "@tracer/core";
import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import type { Observe } from "../observe.ts";
import { RETRY_AFTER_SECONDS } from "./in-flight.ts";

/** What a code means over HTTP. Codes that never reach a client are 500. */
export function statusOf(code: ErrorCode): number {
  switch (code) {
    case "BODY_EMPTY":
    case "BODY_NOT_LOGS":
    case "BODY_CUT_OFF":
    case "ENCODING_INVALID":
    case "RECORDS_ALL_INVALID":
    case "INPUT_INVALID":
      return 400;
    case "KEY_MISSING":
    case "KEY_INVALID":
      return 401;
    case "BODY_TOO_SLOW":
      return 408;
    case "RATE_LIMITED":
    case "BACKTEST_BUSY":
    case "KEY_ATTEMPTS":
      return 429;
    case "HEADERS_TOO_MANY":
      return 431;
    case "KEY_FORBIDDEN":
    case "ORIGIN_FORBIDDEN":
    case "HOST_FORBIDDEN":
      return 403;
    case "NOT_FOUND":
    case "CHANNEL_UNKNOWN":
      return 404;
    case "BODY_TOO_LARGE":
    case "BODY_INFLATES_TOO_MUCH":
      return 413;
    case "ENCODING_UNKNOWN":
      return 415;
    case "INGEST_BUSY":
    case "SHUTTING_DOWN":
    case "LISTENERS_FULL":
    case "DATABASE_UNAVAILABLE":
      return 503;
    default:
      return 500;
  }
}

/** A failure as a client of some protocol is told it. What went wrong inside stays inside. */
export interface Failure {
  readonly code: ErrorCode;
  readonly status: number;
  readonly message: string;
  readonly details: unknown;
  /** What `Retry-After` says of 429 and 503. */
  readonly retryAfterSeconds: number;
}

/** Writes a failure in a protocol's own words: the status, if another, and the body. */
export type Dialect = (
  failure: Failure,
  request: FastifyRequest,
) => { readonly status?: number; readonly body: unknown; readonly contentType?: string };

/** One shape for every failure: `{"code","message","details"?}`. */
export function createErrorHandler(observe: Observe) {
  return dialectErrors(observe, ({ code, message, details }) => ({
    body: details === undefined ? { code, message } : { code, message, details },
  }));
}

/** An error handler that speaks a protocol's own dialect; headers such as `Retry-After` are the same in all. */
export function dialectErrors(observe: Observe, dialect: Dialect) {
  return (error: FastifyError, request: FastifyRequest, reply: FastifyReply): void => {
    const { code, message, details } = toTracerError(error);
    const status = statusOf(code);
    if (status === 500) {
      observe({ name: "request_failed", route: request.routeOptions.url ?? "-", error });
    }
    const retryAfterSeconds = retryAfterOf(details);
    const said = dialect({ code, status, message, details, retryAfterSeconds }, request);
    const saidStatus = said.status ?? status;
    if (saidStatus === 503 || saidStatus === 429) {
      reply.header("retry-after", String(retryAfterSeconds));
    }
    if (saidStatus === 408) reply.header("connection", "close"); // Nothing more is awaited.
    if (saidStatus === 401) {
      reply.header("www-authenticate", challengeFor(request));
    }
    if (said.contentType !== undefined) reply.type(said.contentType);
    void reply.code(saidStatus).send(said.body);
  };
}

/** A browser would ask for a password over a page that has its own way to ask. */
function challengeFor({ headers }: FastifyRequest): string {
  const isBrowser =
    headers["sec-fetch-site"] !== undefined || headers["user-agent"]?.startsWith("Mozilla/");
  return isBrowser ? 'Bearer realm="Tracer"' : 'Basic realm="Tracer", charset="UTF-8"';
}

/** Of a failure that knows how long it lasts; else that of all. */
function retryAfterOf(details: unknown): number {
  if (typeof details === "object" && details !== null && "retryAfterSeconds" in details) {
    const { retryAfterSeconds } = details;
    if (typeof retryAfterSeconds === "number") return retryAfterSeconds;
  }
  return RETRY_AFTER_SECONDS;
}

function toTracerError(error: unknown): TracerError {
  if (error instanceof TracerError) return error;
  if (isFastifyError(error) && error.statusCode !== undefined && error.statusCode < 500) {
    if (error.statusCode === 413) return new TracerError("BODY_TOO_LARGE", error.message);
    return new TracerError("INPUT_INVALID", error.message);
  }
  return new TracerError("INTERNAL", "Something failed inside Tracer; its log has the details.");
}

function isFastifyError(error: unknown): error is { statusCode?: number; message: string } {
  return error instanceof Error && "statusCode" in error && typeof error.statusCode === "number";
}
