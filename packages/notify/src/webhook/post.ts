import { lookup } from "node:dns/promises";
import * as http from "node:http";
import * as https from "node:https";
import type { LookupFunction } from "node:net";
import { isIP } from "node:net";
import { crashPoints } from "@tracer/core";
import { failureOf, type HttpReply, readText, retryAfter } from "../http.ts";
import { type AllowedHosts, mayReach } from "./private-address.ts";

/** The reason when the target is no public address and is not allowed by name. */
export const PRIVATE_ADDRESS = "private_address";

export interface PostRequest {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly timeoutMs: number;
  readonly allowed: AllowedHosts;
}

/**
 * One POST to a host that somebody outside chose. The name is looked up here, every address of it is checked, and
 * the connection goes to one of those addresses: what a second look-up would say does not matter. No
 * redirects, no connection kept. Reasons as in `request`.
 */
export async function postGuarded(options: PostRequest, signal: AbortSignal): Promise<HttpReply> {
  if (signal.aborted) return { kind: "not_sent", reason: "aborted" };
  const deadline = AbortSignal.timeout(options.timeoutMs);
  const { url, allowed } = options;
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (isIP(host) > 0 && !mayReach(host, host, allowed)) {
    return { kind: "not_sent", reason: PRIVATE_ADDRESS };
  }
  try {
    const answer = await send(options, AbortSignal.any([signal, deadline]));
    const text = await readText(answer);
    crashPoints.pass("send.answered");
    const { "retry-after": after, date } = answer.headers;
    const retryAfterMs = retryAfter(after, { answeredAt: date ?? null });
    return { kind: "reply", status: answer.statusCode ?? 0, retryAfterMs, text };
  } catch (error) {
    if (error instanceof PrivateAddressError) return { kind: "not_sent", reason: PRIVATE_ADDRESS };
    if (deadline.aborted) return { kind: "unknown", reason: "timeout" };
    if (signal.aborted) return { kind: "unknown", reason: "aborted" };
    return failureOf(error);
  }
}

class PrivateAddressError extends Error {
  override readonly name = "PrivateAddressError";
}

function send(options: PostRequest, signal: AbortSignal): Promise<http.IncomingMessage> {
  const { url, headers, body, allowed } = options;
  return new Promise((resolve, reject) => {
    const make = url.protocol === "https:" ? https.request : http.request;
    const request = make(url, {
      method: "POST",
      headers: { ...headers, "content-length": Buffer.byteLength(body), "user-agent": "Tracer" },
      agent: false,
      lookup: checkedLookup(allowed),
      signal,
    });
    request.on("error", reject);
    request.on("response", resolve);
    request.end(body);
    crashPoints.pass("send.begun");
  });
}

function checkedLookup(allowed: AllowedHosts): LookupFunction {
  return (host, options, callback) => {
    lookup(host, { all: true, family: options.family ?? 0 }).then(
      (addresses) => {
        const [first] = addresses;
        // One private address among public ones is enough: which of them is connected to is chance.
        if (
          first === undefined ||
          !addresses.every((each) => mayReach(each.address, host, allowed))
        ) {
          callback(new PrivateAddressError("The target has a private address."), "");
        } else if (options.all === true) {
          callback(null, addresses);
        } else {
          callback(null, first.address, first.family);
        }
      },
      (error: NodeJS.ErrnoException) => callback(error, ""),
    );
  };
}
