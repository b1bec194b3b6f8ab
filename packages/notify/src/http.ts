import { clip, crashPoints, flatten, redact, TracerError } from "@tracer/core";

/** Longest answer that is read, in bytes; a page of history is the largest. */
export const REPLY_BYTES_MAX = 4 * 1024 * 1024;
/** Longest wait that a provider can ask for, in milliseconds. */
export const RETRY_AFTER_MS_MAX = 3_600_000;
const REASON_CHARS_MAX = 120;

/**
 * How a request ended. `not_sent`: surely nothing reached the provider. `unknown`: it may have. Reasons are
 * error codes, never messages: those may quote the URL, which can be a secret.
 */
export type HttpReply =
  | {
      readonly kind: "reply";
      readonly status: number;
      readonly retryAfterMs: number | null;
      readonly text: string;
      readonly headers?: Headers;
    }
  | { readonly kind: "not_sent"; readonly reason: string }
  | { readonly kind: "unknown"; readonly reason: string };

export interface HttpRequest {
  readonly url: string;
  readonly method: "GET" | "POST";
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly timeoutMs: number;
}

/** One request, one try. Redirects are not followed: nothing goes to a host that nobody configured. */
export async function request(options: HttpRequest, signal: AbortSignal): Promise<HttpReply> {
  if (signal.aborted) return { kind: "not_sent", reason: "aborted" };
  const deadline = AbortSignal.timeout(options.timeoutMs);
  try {
    const answered = fetch(options.url, {
      method: options.method,
      headers: { ...options.headers, "user-agent": "Tracer" },
      redirect: "manual",
      signal: AbortSignal.any([signal, deadline]),
      ...(options.body === undefined ? {} : { body: options.body }),
    });
    crashPoints.pass("send.begun");
    const response = await answered;
    const text = await readText(response.body);
    crashPoints.pass("send.answered");
    const retryAfterMs = retryAfter(response.headers.get("retry-after"), {
      answeredAt: response.headers.get("date"),
    });
    const { status, headers } = response;
    return { kind: "reply", status, retryAfterMs, text, headers };
  } catch (error) {
    if (deadline.aborted) return { kind: "unknown", reason: "timeout" };
    if (signal.aborted) return { kind: "unknown", reason: "aborted" };
    return failureOf(error);
  }
}

/** A body as text, REPLY_BYTES_MAX of it at most. */
export async function readText(body: AsyncIterable<Uint8Array> | null): Promise<string> {
  if (body === null) return "";
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    if (bytes > REPLY_BYTES_MAX) break; // What is cut off does not parse, and so is not believed.
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** Codes of failures that happen before the first byte of a request is written. */
const BEFORE_SENDING = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENETDOWN",
  "EADDRNOTAVAIL",
  "UND_ERR_CONNECT_TIMEOUT",
  "CERT_HAS_EXPIRED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "ERR_TLS_CERT_ALTNAME_INVALID",
]);

const CAUSES_MAX = 6;

/** What an error of fetch, or of a client built on it, says about whether the request went out. */
export function failureOf(error: unknown): HttpReply & { kind: "not_sent" | "unknown" } {
  let reason = "network";
  let current: unknown = error;
  for (let depth = 0; depth < CAUSES_MAX && current instanceof Error; depth += 1) {
    const code = "code" in current && typeof current.code === "string" ? current.code : null;
    if (code !== null) {
      const connecting = "syscall" in current && current.syscall === "connect";
      if (connecting || BEFORE_SENDING.has(code)) return { kind: "not_sent", reason: code };
      reason = code;
    }
    current = current.cause;
  }
  return { kind: "unknown", reason };
}

/**
 * `Retry-After` in milliseconds: seconds, or a date, which is compared with the answer's own `Date` so that
 * our clock does not matter. Null when absent or unreadable; at most an hour.
 */
export function retryAfter(
  value: string | null | undefined,
  { answeredAt = null }: { answeredAt?: string | null } = {},
): number | null {
  if (value === null || value === undefined) return null;
  if (/^\s*\d{1,9}(?:\.\d{1,9})?\s*$/u.test(value)) {
    return Math.min(Math.ceil(Number(value) * 1000), RETRY_AFTER_MS_MAX);
  }
  const waitMs = Date.parse(value) - Date.parse(answeredAt ?? "");
  return Number.isFinite(waitMs) ? Math.min(Math.max(0, waitMs), RETRY_AFTER_MS_MAX) : null;
}

/** The JSON in a text, or undefined when it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A provider's words made fit to be stored as a reason. */
export function reasonText(text: string): string {
  return clip(flatten(redact(text)), REASON_CHARS_MAX);
}

/** Throws `CONFIG_INVALID`, without the value, unless it is an http or https URL. */
export function requireHttpUrl(name: string, value: string): string {
  const url = URL.parse(value);
  if (url !== null && (url.protocol === "https:" || url.protocol === "http:")) return value;
  throw new TracerError("CONFIG_INVALID", `${name} is not an http or https URL`);
}
