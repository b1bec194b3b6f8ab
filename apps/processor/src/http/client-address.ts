import type { IncomingMessage } from "node:http";
import type { BlockList } from "node:net";
import { isIP } from "node:net";

/** Addresses of proxies whose `X-Forwarded-For` is believed; null: nobody's is. */
export type TrustedProxies = BlockList | null;

/** Addresses of one header that are looked at. */
const HOPS_MAX = 20;

/**
 * Where a request comes from: the socket's address, or, where that is a trusted proxy, the nearest address
 * before it in `X-Forwarded-For` that is none.
 */
export function clientAddress(
  {
    socket,
    headers,
  }: Pick<IncomingMessage, "headers"> & {
    readonly socket: { readonly remoteAddress?: string | undefined };
  },
  trusted: TrustedProxies,
): string {
  let address = plain(socket.remoteAddress ?? "");
  if (trusted === null) return address;
  const header = headers["x-forwarded-for"] ?? "";
  const hops = (Array.isArray(header) ? header.join(",") : header).split(",").slice(-HOPS_MAX);
  for (const hop of hops.reverse()) {
    if (!isTrusted(address, trusted)) return address;
    const before = plain(hop.trim());
    if (isIP(before) === 0) return address; // Nobody that can be told apart.
    address = before;
  }
  return address;
}

function isTrusted(address: string, trusted: BlockList): boolean {
  const version = isIP(address);
  return version !== 0 && trusted.check(address, version === 6 ? "ipv6" : "ipv4");
}

function plain(address: string): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
}
