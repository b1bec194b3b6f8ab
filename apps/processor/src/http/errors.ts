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

/** One shape for every failure: `{"code","message","details"?}`. What went wrong inside stays inside. */
export function createErrorHandler(observe: Observe) {
  return (error: FastifyError, request: FastifyRequest, reply: FastifyReply): void => {
    const known = toTracerError(error);
    const status = statusOf(known.code);
    if (status === 500) {
      observe({ name: "request_failed", route: request.routeOptions.url ?? "-", error });
    }
    if (status === 503) reply.header("retry-after", String(RETRY_AFTER_SECONDS));
    if (status === 401) reply.header("www-authenticate", 'Basic realm="Tracer", charset="UTF-8"');
    const { code, message, details } = known;
    void reply
      .code(status)
      .send(details === undefined ? { code, message } : { code, message, details });
  };
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
