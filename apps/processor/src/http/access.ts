import type { IncomingHttpHeaders } from "node:http";
import { TracerError } from "@tracer/core";
import { isLoopback } from "../config.ts";
import { type Caller, EVERYONE, mayDo, type Scope } from "./caller.ts";
import { presentedKey } from "./presented-key.ts";

export interface AccessOptions {
  /** The caller of the first of the candidates that is a key, or null; `address` is the socket's. */
  readonly findKey: (candidates: readonly string[], address: string) => Promise<Caller | null>;
  /** True when any key exists, static or stored. */
  readonly keysExist: () => boolean;
  /** The host of PUBLIC_URL, such as `tracer.example.org` or `tracer.example.org:8443`; null when unset. */
  readonly publicHost: string | null;
}

export interface AccessRequest {
  readonly headers: IncomingHttpHeaders;
  /** `any`: a key is enough, whatever its rights. */
  readonly scope: Scope | "any";
  /** True for a page: a link in Slack may lead to it. The page that links cannot read what it shows. */
  readonly page?: boolean;
  /** Where the connection comes from. */
  readonly address: string;
  readonly query?: unknown;
  /** Query parameter that may hold the key; null or not given: none may. */
  readonly keyInQuery?: string | null;
}

/**
 * Who is calling, or a TracerError: KEY_MISSING, KEY_INVALID, KEY_ATTEMPTS, KEY_FORBIDDEN,
 * HOST_FORBIDDEN or ORIGIN_FORBIDDEN.
 *
 * Without keys only this machine can connect, but so can every page that its browsers show: a request
 * must name this server as its Host (a page cannot forge it, and a rebound name shows), and must not come from
 * another origin. With keys the same holds for what a browser sends by itself (Basic, the session's cookie).
 */
export async function authorize(options: AccessOptions, request: AccessRequest): Promise<Caller> {
  const { headers, scope } = request;
  if (!options.keysExist()) {
    requireOwnHost(options, headers);
    requireOwnOrigin(options, request);
    return EVERYONE;
  }
  const presented = presentedKey(headers, request.query, request.keyInQuery ?? null);
  if (presented === null) {
    throw new TracerError("KEY_MISSING", "A key is needed: Authorization: Bearer <key>.");
  }
  if (presented.ambient) requireOwnOrigin(options, request);
  const caller = await options.findKey(presented.candidates, request.address);
  if (caller === null) throw new TracerError("KEY_INVALID", "This key is not known.");
  if (scope !== "any" && !mayDo(caller, scope)) {
    throw new TracerError("KEY_FORBIDDEN", `This key has no right to ${scope}.`);
  }
  return caller;
}

function requireOwnHost(options: AccessOptions, headers: IncomingHttpHeaders): void {
  const host = (headers.host ?? "").toLowerCase();
  if (host === options.publicHost || isLoopback(withoutPort(host))) return;
  throw new TracerError(
    "HOST_FORBIDDEN",
    "Without keys Tracer answers only to localhost, 127.0.0.1, [::1] and the host of PUBLIC_URL.",
  );
}

/** Throws ORIGIN_FORBIDDEN for a request that a page of another origin has made. */
export function requireOwnOrigin(
  options: Pick<AccessOptions, "publicHost">,
  { headers, page }: Pick<AccessRequest, "headers" | "page">,
): void {
  const { origin } = headers;
  if (page === true && headers["sec-fetch-mode"] === "navigate" && origin === undefined) return;
  const site = headers["sec-fetch-site"];
  const foreignSite = site === "cross-site" || site === "same-site";
  if (!foreignSite && (origin === undefined || isOwnOrigin(options, origin, headers.host))) return;
  throw new TracerError("ORIGIN_FORBIDDEN", "Pages of another origin may not use Tracer.");
}

function isOwnOrigin(
  options: Pick<AccessOptions, "publicHost">,
  origin: string,
  host: string | undefined,
): boolean {
  if (!URL.canParse(origin)) return false; // "null" too: a sandboxed frame or a file.
  const originHost = new URL(origin).host;
  return originHost === host?.toLowerCase() || originHost === options.publicHost;
}

function withoutPort(host: string): string {
  return host.startsWith("[") ? host.replace(/\]:\d*$/, "]") : host.replace(/:\d*$/, "");
}
