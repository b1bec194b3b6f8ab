import { isIPv6 } from "node:net";
import { TracerError } from "@tracer/core";
import { BoundedMap } from "./bounded-map.ts";

/** Wrong keys that one address may try at once… */
export const ATTEMPTS_MAX = 20;
/** …and then one more each time this has passed. */
export const ATTEMPT_EACH_MS = 2_000;
/** Addresses that are remembered; the one that was longest not wrong is forgotten first. */
export const ADDRESSES_MAX = 10_000;

interface Budget {
  left: number;
  atMs: number;
}

/** Counts the wrong keys of each address that connects. An IPv6 network of 64 bits is one address. */
export class KeyAttempts {
  readonly #monotonicMs: () => number;
  readonly #budgets = new BoundedMap<string, Budget>(ADDRESSES_MAX);

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  get addresses(): number {
    return this.#budgets.size;
  }

  /** Throws KEY_ATTEMPTS when the address has none left. Takes nothing. */
  check(address: string): void {
    const left = this.#leftOf(networkOf(address));
    if (left >= 1) return;
    throw new TracerError("KEY_ATTEMPTS", "Too many wrong keys came from this address; wait.", {
      details: { retryAfterSeconds: Math.ceil(((1 - left) * ATTEMPT_EACH_MS) / 1e3) },
    });
  }

  /** Notes a wrong key. */
  failed(address: string): void {
    const network = networkOf(address);
    const left = Math.max(0, this.#leftOf(network) - 1);
    this.#budgets.set(network, { left, atMs: this.#monotonicMs() });
  }

  #leftOf(network: string): number {
    const budget = this.#budgets.get(network);
    if (budget === undefined) return ATTEMPTS_MAX;
    const passedMs = this.#monotonicMs() - budget.atMs;
    return Math.min(ATTEMPTS_MAX, budget.left + passedMs / ATTEMPT_EACH_MS);
  }
}

/** An IPv4 address as it is, of IPv6 the first 64 bits: whoever has one address has all of them. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const bare = address.split("%")[0] ?? "";
  if (!isIPv6(bare)) return address;
  const [head = "", tail] = bare.toLowerCase().split("::");
  const first = head === "" ? [] : head.split(":");
  const last = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - first.length - last.length);
  const groups = [...first, ...Array.from({ length: zeros }, () => "0"), ...last];
  return `${groups.slice(0, 4).join(":")}::/64`;
}
