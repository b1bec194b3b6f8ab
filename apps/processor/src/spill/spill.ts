import { crashPoints } from "@tracer/core";
import type { Announcer } from "../announcer.ts";
import { startLoop } from "../loop.ts";
import type { Observe } from "../observe.ts";
import type { PendingState } from "../pending-state.ts";
import { spillRecord } from "./codec.ts";
import { SpillFile } from "./file.ts";

/** Bytes of a spill file. Beyond it, it is written anew with the newest state of each fingerprint. */
export const SPILL_BYTES_MAX = 64 * 1024 * 1024;
/** A database that has taken nothing for this long is as good as away. */
export const BLOCKED_MS = 300;
/** Writing anew costs as much as the file is long: not more often than this. */
export const COMPACT_PAUSE_MS = 10_000;
const LOOK_MS = 250;
/** How often it is looked for what dead processes have left. */
const ORPHANS_MS = 30_000;
/** Records that are encoded in one turn of the event loop. */
const RECORDS_PER_PIECE_MAX = 200;

export type FindOrphans = (
  adopt: (states: readonly PendingState[]) => Promise<boolean>,
) => Promise<void>;

export interface SpillOptions {
  readonly path: string;
  /** Bytes that are in the file already, and were replayed. */
  readonly size: number;
  readonly announcer: Announcer;
  readonly monotonicMs: () => number;
  readonly observe: Observe;
  /** Default SPILL_BYTES_MAX. */
  readonly bytesMax?: number;
  /** Looks for what dead processes have left, and hands it to `adopt`. Default: nobody looks. */
  readonly findOrphans?: FindOrphans;
}

/**
 * Keeps on disk what waits while the database is away, so that a crash does not cost it. The file is
 * emptied only after everything that it held was committed.
 */
export class Spill {
  readonly #options: SpillOptions;
  readonly #file: SpillFile;
  readonly #bytesMax: number;
  /** What is in the file is in the database once the announcer has drained more often than this. */
  #drains: number;
  #compactedAtMs = Number.NEGATIVE_INFINITY;
  #lookAtMs = Number.NEGATIVE_INFINITY;
  #failures = 0;
  /** Fingerprints that were counted as not kept, until they are. */
  readonly #notKept = new Set<string>();
  readonly #said = new Set<string>();

  constructor(options: SpillOptions) {
    this.#options = options;
    this.#file = new SpillFile(options.path, options);
    this.#bytesMax = options.bytesMax ?? SPILL_BYTES_MAX;
    this.#drains = options.announcer.drains;
  }

  /**
   * Keeps what is new if the database is away, or empties the file if nothing waits any more. While the database
   * takes what comes, and nothing waits, it looks now and then for what others have left.
   */
  async round(): Promise<void> {
    const { announcer, findOrphans, monotonicMs } = this.#options;
    this.#countDropped("memory", announcer.pending.takeDropped());
    if (announcer.blockedMs >= BLOCKED_MS) await this.#save();
    else if (announcer.drains > this.#drains) await this.#empty();
    if (findOrphans === undefined || monotonicMs() < this.#lookAtMs) return;
    if (announcer.blockedMs > 0 || announcer.drains === 0) return;
    this.#lookAtMs = monotonicMs() + ORPHANS_MS;
    await findOrphans((states) => this.#adopt(states));
  }

  async #adopt(states: readonly PendingState[]): Promise<boolean> {
    this.#options.announcer.adopt(states);
    await this.#save();
    return this.#failures === 0 && this.#notKept.size === 0;
  }

  /** The last round: nothing comes any more, so what waits now is kept, whyever it waits. */
  async close(): Promise<void> {
    const { announcer } = this.#options;
    if (!announcer.pending.isEmpty) await this.#save();
    else if (announcer.drains > this.#drains) await this.#empty();
    await this.#file[Symbol.asyncDispose]().catch(() => {});
  }

  async #save(): Promise<void> {
    const { announcer, observe } = this.#options;
    const unsaved = announcer.pending.takeUnsaved();
    if (unsaved.size === 0) return;
    const drains = announcer.drains;
    try {
      if (this.#file.size === 0) observe({ name: "spill_begun", path: this.#file.path });
      const left = await this.#append(unsaved);
      crashPoints.pass("spill.written");
      this.#drains = drains;
      for (const name of unsaved) if (!left.has(name)) this.#notKept.delete(name);
      this.#succeeded();
    } catch (error) {
      announcer.pending.markUnsaved(unsaved);
      this.#countNotKept("disk", unsaved);
      this.#failed(error);
    }
  }

  /** Says what was left out. */
  async #append(fingerprints: ReadonlySet<string>): Promise<ReadonlySet<string>> {
    const rest = new Set(fingerprints);
    for (const { names, bytes } of this.#pieces([...fingerprints])) {
      if (this.#file.size + bytes.length > this.#bytesMax) return this.#compact(rest);
      await this.#file.append(bytes);
      for (const name of names) rest.delete(name);
    }
    await this.#file.sync();
    return rest;
  }

  /** Writes the file anew, with what is newest. What does not fit even so is not kept, and counted. */
  async #compact(rest: ReadonlySet<string>): Promise<ReadonlySet<string>> {
    const { announcer, monotonicMs } = this.#options;
    const nowMs = monotonicMs();
    if (nowMs - this.#compactedAtMs < COMPACT_PAUSE_MS) {
      announcer.pending.markUnsaved(rest); // There may be room at the next time.
      await this.#file.sync();
      return rest;
    }
    this.#compactedAtMs = nowMs;
    announcer.pending.takeUnsaved();
    const all = announcer.pending.fingerprints();
    const left = new Set(all);
    await this.#file.rewrite(this.#fitting(all, left));
    this.#countNotKept("full", left);
    return left;
  }

  *#fitting(fingerprints: readonly string[], left: Set<string>): Generator<Uint8Array> {
    let size = 0;
    for (const { names, bytes } of this.#pieces(fingerprints, 1)) {
      if (size + bytes.length > this.#bytesMax) return;
      size += bytes.length;
      for (const name of names) left.delete(name);
      yield bytes;
    }
  }

  *#pieces(fingerprints: readonly string[], recordsMax = RECORDS_PER_PIECE_MAX) {
    const { pending } = this.#options.announcer;
    for (let from = 0; from < fingerprints.length; from += recordsMax) {
      const names = fingerprints.slice(from, from + recordsMax);
      const states = names.map((name) => pending.stateOf(name)).filter((state) => state !== null);
      yield { names, bytes: Buffer.concat(states.map(spillRecord)) };
    }
  }

  async #empty(): Promise<void> {
    this.#drains = this.#options.announcer.drains;
    if (this.#file.size === 0) return;
    crashPoints.pass("spill.replayed");
    try {
      await this.#file.empty();
      this.#notKept.clear();
      this.#said.clear();
      this.#succeeded();
      this.#options.observe({ name: "spill_emptied", path: this.#file.path });
    } catch (error) {
      this.#drains -= 1; // Again at the next round.
      this.#failed(error);
    }
  }

  #succeeded(): void {
    const { observe } = this.#options;
    if (this.#failures > 0) observe({ name: "spill_recovered", failures: this.#failures });
    this.#failures = 0;
  }

  #failed(error: unknown): void {
    this.#failures += 1;
    const { path } = this.#file;
    if (this.#failures === 1) this.#options.observe({ name: "spill_failed", path, error });
  }

  #countNotKept(reason: "full" | "disk", fingerprints: ReadonlySet<string>): void {
    const before = this.#notKept.size;
    for (const fingerprint of fingerprints) this.#notKept.add(fingerprint);
    this.#countDropped(reason, this.#notKept.size - before);
  }

  #countDropped(reason: "full" | "disk" | "memory", count: number): void {
    if (count === 0) return;
    const isFirst = !this.#said.has(reason);
    this.#said.add(reason);
    this.#options.observe({ name: "spill_dropped", reason, count, isFirst });
  }
}

/** Looks every 250 ms. Disposing it keeps what still waits. */
export function startSpill(options: SpillOptions): AsyncDisposable {
  const spill = new Spill(options);
  const { observe } = options;
  const loop = startLoop({ name: "spill", idleMs: LOOK_MS, observe }, () => spill.round());
  return {
    [Symbol.asyncDispose]: async () => {
      await loop[Symbol.asyncDispose]();
      await spill.close();
    },
  };
}
