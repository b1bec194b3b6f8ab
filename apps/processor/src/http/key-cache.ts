import { createHash, timingSafeEqual } from "node:crypto";
import { BoundedMap } from "./bounded-map.ts";
import { type Caller, EVERYONE } from "./caller.ts";
import { KeyAttempts } from "./key-attempts.ts";

export interface KeyCacheOptions {
  /** Static keys from the environment; project `default`. */
  readonly ingestKey: string | null;
  readonly adminKey: string | null;
  /** Looks a key or a session up in the database; null when it is none, over or revoked. */
  readonly find: (presented: string) => Promise<FoundCaller | null>;
  readonly monotonicMs: () => number;
}

/** A caller as the database knows it. */
export interface FoundCaller extends Caller {
  /** How long the key is still in force, in ms; null or not given: until it is revoked. */
  readonly validMs?: number | null;
}

/** Known keys that are remembered; the longest unused goes first. */
export const KEYS_MAX = 1_000;
/** A key that was found is believed for this long without asking again; how late a revocation may act. */
export const FRESH_MS = 60_000;
/** While the database is away, for this long. */
export const STALE_MS = 86_400_000;
/** Wrong keys that are remembered as such… */
export const WRONG_MAX = 10_000;
/** …for this long: how late a new key may work that was tried before it was made. */
export const WRONG_MS = 30_000;
/** Pairs of an address and a key that were right once. */
const PROVEN_MAX = 10_000;

interface Entry {
  readonly caller: Caller;
  readonly foundMs: number;
  /** When the key expires. */
  readonly untilMs: number;
}

/**
 * Who a key stands for, without a question to the database for each request, right or wrong. A shipper with a
 * wrong key says the same again and again: that is one attempt, and is told wrong from memory. Only addresses
 * that try many keys are held back, and there no key that was right from there before. Memory holds hashes.
 */
export class KeyCache {
  readonly #options: KeyCacheOptions;
  readonly #static: readonly { readonly hash: Buffer; readonly caller: Caller }[];
  readonly #known = new BoundedMap<string, Entry>(KEYS_MAX);
  readonly #wrong = new BoundedMap<string, number>(WRONG_MAX); // Since when.
  readonly #proven = new BoundedMap<string, true>(PROVEN_MAX);
  readonly #asking = new Map<string, Promise<FoundCaller | null>>();
  readonly #attempts: KeyAttempts;
  #generation = 0;

  constructor(options: KeyCacheOptions) {
    this.#options = options;
    this.#attempts = new KeyAttempts(options.monotonicMs);
    const { adminKey, ingestKey } = options;
    const ingest: Caller = {
      ...{ id: "ingest", project: "default", name: "TRACER_INGEST_KEY", scopes: ["ingest"] },
    };
    this.#static = [
      ...(adminKey === null
        ? []
        : [
            {
              hash: digest(adminKey),
              caller: { ...EVERYONE, id: "admin", name: "TRACER_ADMIN_KEY" },
            },
          ]),
      ...(ingestKey === null ? [] : [{ hash: digest(ingestKey), caller: ingest }]),
    ];
  }

  /**
   * The caller of the first of `candidates` that is a key; null when none is. `address` is the socket's. Throws
   * KEY_ATTEMPTS when too many wrong keys came from there.
   */
  readonly find = async (
    candidates: readonly string[],
    address: string,
  ): Promise<Caller | null> => {
    let isNew = false;
    for (const presented of candidates) {
      const hash = digest(presented);
      const name = hash.toString("base64");
      if (this.#isWrong(name)) continue;
      const pair = `${address} ${name}`;
      if (this.#proven.get(pair) === undefined) this.#attempts.check(address);
      const caller = this.#staticCaller(hash) ?? (await this.#stored(presented, name));
      if (caller !== null) {
        this.#proven.set(pair, true);
        return caller;
      }
      this.#wrong.set(name, this.#options.monotonicMs());
      isNew = true;
    }
    if (isNew) this.#attempts.failed(address);
    return null;
  };

  /** Believes nothing any more: a key was made, revoked, or a session has ended. */
  forget(): void {
    this.#generation += 1; // What is being asked for may be outdated when it comes.
    this.#asking.clear();
    this.#known.clear();
    this.#wrong.clear();
  }

  #isWrong(name: string): boolean {
    const sinceMs = this.#wrong.get(name);
    return sinceMs !== undefined && this.#options.monotonicMs() - sinceMs < WRONG_MS;
  }

  /** Compared as hashes, and with every one: how long it takes says nothing about a key. */
  #staticCaller(hash: Buffer): Caller | null {
    let found: Caller | null = null;
    for (const known of this.#static) {
      if (timingSafeEqual(known.hash, hash)) found ??= known.caller;
    }
    return found;
  }

  async #stored(presented: string, name: string): Promise<Caller | null> {
    const known = this.#known.get(name);
    const nowMs = this.#options.monotonicMs();
    if (known !== undefined && nowMs >= known.untilMs) {
      this.#known.delete(name);
      return null;
    }
    if (known !== undefined && nowMs - known.foundMs < FRESH_MS) return known.caller;
    try {
      const generation = this.#generation;
      const caller = await this.#ask(presented, name);
      if (generation !== this.#generation) return await this.#stored(presented, name);
      if (caller === null) this.#known.delete(name);
      else {
        const untilMs = nowMs + (caller.validMs ?? Number.POSITIVE_INFINITY);
        this.#known.set(name, { caller, foundMs: nowMs, untilMs });
      }
      return caller;
    } catch (error) {
      if (known !== undefined && nowMs - known.foundMs < STALE_MS) return known.caller;
      throw error;
    }
  }

  /** One question at a time for each key, however many requests come with it. */
  #ask(presented: string, name: string): Promise<FoundCaller | null> {
    const asked = this.#asking.get(name);
    if (asked !== undefined) return asked;
    const answer = this.#options.find(presented).finally(() => {
      if (this.#asking.get(name) === answer) this.#asking.delete(name);
    });
    this.#asking.set(name, answer);
    return answer;
  }
}

function digest(key: string): Buffer {
  return createHash("sha256").update(key).digest();
}
