import { TracerError } from "@tracer/core";
import { BoundedMap } from "./bounded-map.ts";

export interface RateLimitsOptions {
  /** Records a second that one key may send; null: as many as it likes. */
  readonly recordsPerSecond: number | null;
  /** Inflated bytes a second; null: as many as it likes. */
  readonly bytesPerSecond: number | null;
  readonly monotonicMs: () => number;
}

/** What a key may send at once after a pause, in seconds of its rate. */
export const BURST_SECONDS = 10;
/** Keys whose budget is remembered; the one that was longest not used is forgotten, and starts full. */
export const CALLERS_MAX = 10_000;

const NAMES = ["records", "bytes"] as const;
type Name = (typeof NAMES)[number];
/** Units of the quota as the draft registers them; records are ours. */
const UNITS = { records: "records", bytes: "content-bytes" } as const;

interface Budget {
  records: number;
  bytes: number;
  atMs: number;
}

/**
 * Token buckets, two for each key. How much a batch holds is known only when it is decoded, so a batch passes
 * while anything is left, whatever its size, and may leave a debt: no batch is too large to pass ever, and over
 * time a key gets exactly its rate. Asked before the body is read, which costs nothing, and again at the moment
 * of counting, so that of many batches at once only one makes the debt.
 */
export class RateLimits {
  readonly #perSecond: Readonly<Record<Name, number | null>>;
  readonly #monotonicMs: () => number;
  readonly #budgets = new BoundedMap<string, Budget>(CALLERS_MAX);
  readonly #policy: string;

  constructor({ recordsPerSecond, bytesPerSecond, monotonicMs }: RateLimitsOptions) {
    this.#perSecond = { records: recordsPerSecond, bytes: bytesPerSecond };
    this.#monotonicMs = monotonicMs;
    this.#policy = this.#limited()
      .map(([name, rate]) => `"${name}";q=${quotaOf(rate)};w=${BURST_SECONDS};qu="${UNITS[name]}"`)
      .join(", ");
  }

  /** False: nothing is limited, and nothing has to be asked. */
  get isOn(): boolean {
    return this.#policy !== "";
  }

  get callers(): number {
    return this.#budgets.size;
  }

  /** Throws RATE_LIMITED when a budget of the key is used up. Takes nothing. */
  check(callerId: string): void {
    const budget = this.#budgetOf(callerId);
    for (const [name, rate] of this.#limited()) {
      const left = budget[name];
      if (left > 0) continue;
      throw new TracerError(
        "RATE_LIMITED",
        `More than ${rate} ${name} a second came with this key. Nothing of this batch was taken; send it again.`,
        { details: { limit: name, perSecond: rate, retryAfterSeconds: waitSeconds(left, rate) } },
      );
    }
  }

  /** As `check`, and then takes what a batch holds: it is counted next. */
  take(callerId: string, records: number, bytes: number): void {
    this.check(callerId);
    const budget = this.#budgetOf(callerId);
    budget.records -= records;
    budget.bytes -= bytes;
    this.#budgets.set(callerId, budget);
  }

  /** `RateLimit-Policy` and `RateLimit` of draft-ietf-httpapi-ratelimit-headers. */
  headers(callerId: string): Readonly<Record<string, string>> {
    const budget = this.#budgetOf(callerId);
    const left = this.#limited().map(([name, rate]) => {
      const quota = quotaOf(rate);
      const rest = Math.max(0, Math.floor(budget[name]));
      // Until the budget is whole again, or for one in debt until there is any.
      const t = budget[name] <= 0 ? waitSeconds(budget[name], rate) : (quota - rest) / rate;
      return `"${name}";r=${rest};t=${Math.ceil(t)}`;
    });
    return { "ratelimit-policy": this.#policy, ratelimit: left.join(", ") };
  }

  #limited(): [Name, number][] {
    return NAMES.flatMap((name): [Name, number][] => {
      const rate = this.#perSecond[name];
      return rate === null ? [] : [[name, rate]];
    });
  }

  /** As it is now. Not remembered before something is taken. */
  #budgetOf(callerId: string): Budget {
    const atMs = this.#monotonicMs();
    const known = this.#budgets.get(callerId);
    const { records, bytes } = this.#perSecond;
    const full = { records: quotaOf(records ?? 0), bytes: quotaOf(bytes ?? 0), atMs };
    if (known === undefined) return full;
    const seconds = Math.max(0, atMs - known.atMs) / 1e3;
    return {
      records: Math.min(full.records, known.records + seconds * (records ?? 0)),
      bytes: Math.min(full.bytes, known.bytes + seconds * (bytes ?? 0)),
      atMs,
    };
  }
}

function quotaOf(perSecond: number): number {
  return perSecond * BURST_SECONDS;
}

/** Whole seconds until a budget that is used up has something again, at least 1. */
function waitSeconds(left: number, perSecond: number): number {
  return Math.floor(-left / perSecond) + 1;
}
