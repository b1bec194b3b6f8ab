import { timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { TracerError } from "@tracer/core";
import { isLoopback } from "../config.ts";

/** What a key may do. `admin` may do everything. */
export type Scope = "ingest" | "read" | "admin";

export interface Caller {
  readonly project: string;
  readonly scopes: readonly Scope[];
}

export interface AccessOptions {
  /** Static keys from the environment; project `default`. */
  readonly ingestKey: string | null;
  readonly adminKey: string | null;
  /** Looks a presented key up among the stored ones. */
  readonly findKey: (presented: string) => Promise<Caller | null>;
  /** True when any key exists, static or stored. */
  readonly keysExist: boolean;
  /** The host of PUBLIC_URL, such as `tracer.example.org` or `tracer.example.org:8443`; null when unset. */
  readonly publicHost: string | null;
}

export interface AccessRequest {
  readonly headers: IncomingHttpHeaders;
  /** `any`: a key is enough, whatever its rights. */
  readonly scope: Scope | "any";
  /** True for a page: a link in Slack may lead to it. The page that links cannot read what it shows. */
  readonly page?: boolean;
}

const EVERYONE: Caller = { project: "default", scopes: ["ingest", "read", "admin"] };

/**
 * Who is calling, or a TracerError: KEY_MISSING, KEY_INVALID, KEY_FORBIDDEN, HOST_FORBIDDEN or ORIGIN_FORBIDDEN.
 *
 * Without keys only this machine can connect, but so can every page that its browsers show: a request
 * must name this server as its Host (a page cannot forge it, and a rebound name shows), and must not come from
 * another origin. With keys the same holds for what a browser sends by itself (Basic).
 */
export async function authorize(options: AccessOptions, request: AccessRequest): Promise<Caller> {
  const { headers, scope } = request;
  if (!options.keysExist) {
    requireOwnHost(options, headers);
    requireOwnOrigin(options, request);
    return EVERYONE;
  }
  const presented = presentedKey(headers);
  if (presented === null) {
    throw new TracerError("KEY_MISSING", "A key is needed: Authorization: Bearer <key>.");
  }
  if (presented.ambient) requireOwnOrigin(options, request);
  const caller = staticCaller(options, presented.key) ?? (await options.findKey(presented.key));
  if (caller === null) throw new TracerError("KEY_INVALID", "This key is not known.");
  if (scope !== "any" && !caller.scopes.includes(scope) && !caller.scopes.includes("admin")) {
    throw new TracerError("KEY_FORBIDDEN", `This key has no right to ${scope}.`);
  }
  return caller;
}

function staticCaller(options: AccessOptions, presented: string): Caller | null {
  if (options.adminKey !== null && sameText(presented, options.adminKey)) return EVERYONE;
  if (options.ingestKey !== null && sameText(presented, options.ingestKey)) {
    return { project: "default", scopes: ["ingest"] };
  }
  return null;
}

interface Presented {
  readonly key: string;
  /** True when a browser adds it by itself to requests of any page. */
  readonly ambient: boolean;
}

function presentedKey(headers: IncomingHttpHeaders): Presented | null {
  const [scheme = "", ...rest] = (headers.authorization ?? "").split(" ");
  const value = rest.join(" ").trim();
  switch (scheme.toLowerCase()) {
    case "bearer":
    case "splunk":
    case "apikey":
    case "token":
      return value === "" ? null : { key: value, ambient: false };
    case "basic": {
      const [, ...password] = Buffer.from(value, "base64").toString("utf8").split(":");
      return { key: password.join(":"), ambient: true };
    }
    default:
  }
  for (const name of ["x-api-key", "dd-api-key"]) {
    const header = headers[name];
    if (typeof header === "string" && header !== "") return { key: header, ambient: false };
  }
  return null;
}

function sameText(left: string, right: string): boolean {
  const leftBytes = Buffer.from(left);
  const rightBytes = Buffer.from(right);
  return leftBytes.length === rightBytes.length && timingSafeEqual(leftBytes, rightBytes);
}

function requireOwnHost(options: AccessOptions, headers: IncomingHttpHeaders): void {
  const host = (headers.host ?? "").toLowerCase();
  if (host === options.publicHost || isLoopback(withoutPort(host))) return;
  throw new TracerError(
    "HOST_FORBIDDEN",
    "Without keys Tracer answers only to localhost, 127.0.0.1, [::1] and the host of PUBLIC_URL.",
  );
}

function requireOwnOrigin(options: AccessOptions, { headers, page }: AccessRequest): void {
  const { origin } = headers;
  if (page === true && headers["sec-fetch-mode"] === "navigate" && origin === undefined) return;
  const site = headers["sec-fetch-site"];
  const foreignSite = site === "cross-site" || site === "same-site";
  if (!foreignSite && (origin === undefined || isOwnOrigin(options, origin, headers.host))) return;
  throw new TracerError("ORIGIN_FORBIDDEN", "Pages of another origin may not use Tracer.");
}

function isOwnOrigin(options: AccessOptions, origin: string, host: string | undefined): boolean {
  if (!URL.canParse(origin)) return false; // "null" too: a sandboxed frame or a file.
  const originHost = new URL(origin).host;
  return originHost === host?.toLowerCase() || originHost === options.publicHost;
}

function withoutPort(host: string): string {
  return host.startsWith("[") ? host.replace(/\]:\d*$/, "]") : host.replace(/:\d*$/, "");
}
