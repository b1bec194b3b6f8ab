import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import { systemClock, TracerError } from "@tracer/core";

/** What one connection, and all together, may cost. */
export interface ConnectionLimits {
  /** Connections at once; a further one is closed at once. */
  readonly connectionsMax: number;
  /** All headers of a request must have arrived within this, from the first byte or the connection's start. */
  readonly headersMs: number;
  /** And all of the request within this. */
  readonly requestMs: number;
  /** A connection without a request is kept for this long… */
  readonly keepAliveMs: number;
  /** …and one on which nothing moves in the middle of something, such as an answer that nobody reads. */
  readonly stuckMs: number;
  /** How often the times above are looked at. */
  readonly lookMs: number;
}

export const CONNECTION_LIMITS: ConnectionLimits = {
  connectionsMax: 4_096,
  headersMs: 10_000,
  requestMs: 60_000,
  keepAliveMs: 72_000,
  stuckMs: 120_000,
  lookMs: 1_000,
};

/** Headers of one request; Node bounds their bytes (16 kB). */
export const HEADERS_MAX = 200;
/** From this share of connectionsMax on, connections without a request are closed to make room… */
const CROWDED_SHARE = 7 / 8;
/** …at most this often, because it looks at each. */
const CROWDED_EACH_MS = 100;

/** Options of Fastify that hold the limits. */
export function connectionOptions(limits: ConnectionLimits) {
  return {
    requestTimeout: limits.requestMs,
    keepAliveTimeout: limits.keepAliveMs,
    connectionTimeout: limits.stuckMs,
    http: {
      headersTimeout: limits.headersMs,
      connectionsCheckingInterval: limits.lookMs,
    },
    clientErrorHandler: answerBrokenRequest,
  };
}

/** Holds a server to what Fastify has no option for. */
export function limitConnections(server: Server, limits: ConnectionLimits): void {
  const crowded = Math.ceil(limits.connectionsMax * CROWDED_SHARE);
  let open = 0;
  let lookedMs = Number.NEGATIVE_INFINITY;
  server.maxConnections = limits.connectionsMax;
  server.maxHeadersCount = HEADERS_MAX + 1; // One more, so that it shows.
  server.on("connection", (socket) => {
    open += 1;
    socket.once("close", () => (open -= 1));
    if (open < crowded || systemClock.monotonicMs() - lookedMs < CROWDED_EACH_MS) return;
    lookedMs = systemClock.monotonicMs();
    server.closeIdleConnections();
  });
}

/** Throws HEADERS_TOO_MANY: beyond a number Node leaves some out, and one of them may matter. */
export function requireFewHeaders({ rawHeaders }: IncomingMessage): void {
  if (rawHeaders.length / 2 <= HEADERS_MAX) return;
  throw new TracerError("HEADERS_TOO_MANY", `A request may have ${HEADERS_MAX} headers.`);
}

/** What Node cannot even read as a request, or not in time. The connection ends with it, whoever holds on to it. */
function answerBrokenRequest(error: Error & { code?: string }, socket: Duplex): void {
  if (!socket.writable) return void socket.destroy();
  const [status, code, message] = BROKEN[error.code ?? ""] ?? [
    "400 Bad Request",
    "INPUT_INVALID",
    "This is not valid HTTP.",
  ];
  const body = JSON.stringify({ code, message });
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: application/json; charset=utf-8\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    () => socket.destroy(),
  );
}

const BROKEN: Readonly<Record<string, readonly [string, string, string]>> = {
  HPE_HEADER_OVERFLOW: [
    "431 Request Header Fields Too Large",
    "INPUT_INVALID",
    "The headers are too large.",
  ],
  ERR_HTTP_REQUEST_TIMEOUT: [
    "408 Request Timeout",
    "BODY_TOO_SLOW",
    "The request did not arrive in time.",
  ],
};
