import { createHash } from "node:crypto";
import type { Caller } from "./access.ts";

export interface KeyCacheOptions {
  /** Looks a key up in the database; null when it is none, or revoked. */
  readonly find: (presented: string) => Promise<Caller | null>;
  readonly monotonicMs: () => number;
}

/** Known keys that are remembered; the longest unused goes first. */
export const KEYS_MAX = 1_000;
/** A key that was found is believed for this long without asking again; how late a revocation may act. */
export const FRESH_MS = 60_000;
/** While the database is away, for this long. */
export const STALE_MS = 86_400_000;

interface Entry {
  readonly caller: Caller;
  readonly foundMs: number;
}

/** Stored keys without a question to the database for each request. Unknown keys are always asked for. */
export class KeyCache {
  readonly #options: KeyCacheOptions;
  readonly #entries = new Map<string, Entry>(); // By hash: memory holds no key.

  constructor(options: KeyCacheOptions) {
    this.#options = options;
  }

  readonly find = async (presented: string): Promise<Caller | null> => {
    const hash = createHash("sha256").update(presented).digest("base64");
    const known = this.#entries.get(hash);
    const nowMs = this.#options.monotonicMs();
    if (known !== undefined && nowMs - known.foundMs < FRESH_MS) return known.caller;
    try {
      const caller = await this.#options.find(presented);
      this.#entries.delete(hash);
      if (caller !== null) this.#remember(hash, { caller, foundMs: nowMs });
      return caller;
    } catch (error) {
      if (known !== undefined && nowMs - known.foundMs < STALE_MS) return known.caller;
      throw error;
    }
  };

  #remember(hash: string, entry: Entry): void {
    this.#entries.set(hash, entry);
    if (this.#entries.size <= KEYS_MAX) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }
}
