import { fingerprintOf, type Signal, type SignalKey, severityRank } from "@tracer/core";
import { PENDING_SAVED_MAX, type PendingState } from "./pending-state.ts";

/** Fingerprints that may wait at once. Only an outage of the database fills it. */
export const PENDING_MAX = 20_000;

/** What is to be written for one fingerprint; times are monotonic, so that ages are right whenever it is. */
export interface Pending {
  readonly key: SignalKey;
  readonly sighting: {
    readonly signal: Pick<Signal, "severity" | "peak" | "evidence">;
    readonly seenAtMs: number;
    readonly onsetAtMs: number;
  } | null;
  readonly exemplars: readonly string[];
  readonly hasNewText: boolean;
  readonly occurrences: number;
  readonly clear: boolean;
}

export type Batch = readonly (readonly [fingerprint: string, pending: Pending])[];

/** A process' two clocks, which are read together. */
export interface PendingClock {
  readonly monotonicMs: () => number;
  /** Receipt time, ms since the epoch. */
  readonly receiptMs: () => number;
}

/**
 * What waits for the database: the newest state of each fingerprint, its worst severity and the sum of its
 * occurrences. At most PENDING_MAX; beyond it signals that have ended give way, oldest first, and if there
 * are none what is new is not taken: one that is open is sighted again. Both are counted.
 */
export class PendingSignals {
  readonly #clock: PendingClock;
  readonly #waiting = new Map<string, Pending>();
  /** Of `#waiting`, those whose signal has ended, oldest first. */
  readonly #ended = new Set<string>();
  /** Being written: not in `#waiting` meanwhile. */
  #taken: Batch = [];
  /** Changed since they were last kept on disk. */
  #unsaved = new Set<string>();
  #dropped = 0;

  constructor(clock: PendingClock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Nothing waits, and nothing is being written. */
  get isEmpty(): boolean {
    return this.#waiting.size === 0 && this.#taken.length === 0;
  }

  /** Adds what is newer to what waits for its fingerprint. */
  queue(fingerprint: string, newer: Pending): void {
    const older = this.#waiting.get(fingerprint);
    if (older === undefined && !this.#makeRoom()) return;
    this.#set(fingerprint, older === undefined ? newer : mergePending(older, newer));
    this.#unsaved.add(fingerprint);
  }

  /** Takes up to `max` out, to write them. Say `written` for them, or `putBack` for those that are not. */
  take(max: number): Batch {
    this.#taken = [...this.#waiting.entries()].slice(0, max);
    for (const [fingerprint] of this.#taken) {
      this.#waiting.delete(fingerprint);
      this.#ended.delete(fingerprint);
    }
    return this.#taken;
  }

  /** Ends a `take`: what was not put back is in the database. */
  settle(): void {
    for (const [fingerprint] of this.#taken) {
      if (!this.#waiting.has(fingerprint)) this.#unsaved.delete(fingerprint);
    }
    this.#taken = [];
  }

  /** A newer state of the same fingerprint may have come meanwhile; it speaks. */
  putBack(batch: Batch): void {
    for (const [fingerprint, older] of batch) {
      const newer = this.#waiting.get(fingerprint);
      if (newer === undefined && !this.#makeRoom()) continue;
      this.#set(fingerprint, newer === undefined ? older : mergePending(older, newer));
    }
  }

  /** Fingerprints that changed since they were last kept on disk; they count as kept from now on. */
  takeUnsaved(): ReadonlySet<string> {
    const unsaved = this.#unsaved;
    this.#unsaved = new Set();
    return unsaved;
  }

  /** They could not be kept after all. */
  markUnsaved(fingerprints: Iterable<string>): void {
    for (const fingerprint of fingerprints) {
      if (this.stateOf(fingerprint) !== null) this.#unsaved.add(fingerprint);
    }
  }

  /** How many were dropped since the last call. */
  takeDropped(): number {
    const dropped = this.#dropped;
    this.#dropped = 0;
    return dropped;
  }

  /** Everything that is not in the database, signals that have ended first: the others are in the detector, too. */
  fingerprints(): string[] {
    const all = new Map([...this.#taken, ...this.#waiting]);
    const ended = ([, { clear }]: readonly [string, Pending]) => Number(clear);
    return [...all].toSorted((one, other) => ended(other) - ended(one)).map(([name]) => name);
  }

  /** As plain JSON with times that outlive this process; null when it is written meanwhile. */
  stateOf(fingerprint: string): PendingState | null {
    const older = this.#taken.find(([name]) => name === fingerprint)?.[1];
    const newer = this.#waiting.get(fingerprint);
    const both = older && newer ? mergePending(older, newer) : (newer ?? older);
    if (both === undefined) return null;
    return pendingStateOf(both, this.#clock.receiptMs() - this.#clock.monotonicMs());
  }

  /** The first PENDING_SAVED_MAX of everything. */
  states(): PendingState[] {
    return this.fingerprints()
      .slice(0, PENDING_SAVED_MAX)
      .map((fingerprint) => this.stateOf(fingerprint))
      .filter((state) => state !== null);
  }

  /** Goes on with what another process has left. Call it before anything newer is queued. */
  restore(states: readonly PendingState[]): void {
    for (const state of states) this.queue(fingerprintOf(state.key), this.#pendingOf(state));
  }

  /** As `restore`, at any time: what waits here is newer. */
  adopt(states: readonly PendingState[]): void {
    for (const state of states) {
      const fingerprint = fingerprintOf(state.key);
      const newer = this.#waiting.get(fingerprint);
      const older = this.#pendingOf(state);
      if (newer === undefined) this.queue(fingerprint, older);
      else {
        this.#set(fingerprint, mergePending(older, newer));
        this.#unsaved.add(fingerprint);
      }
    }
  }

  #pendingOf({ sighting, ...state }: PendingState): Pending {
    if (sighting === null) return { ...state, sighting };
    const { seenMs, onsetMs, ...signal } = sighting;
    const nowMs = this.#clock.monotonicMs();
    const receiptMs = this.#clock.receiptMs();
    // Never in the future, whatever the clocks say: an age is not negative.
    const monotonicOf = (ms: number) => nowMs - Math.max(0, receiptMs - ms);
    const times = { seenAtMs: monotonicOf(seenMs), onsetAtMs: monotonicOf(onsetMs) };
    return { ...state, sighting: { signal, ...times } };
  }

  #set(fingerprint: string, pending: Pending): void {
    this.#waiting.set(fingerprint, pending);
    if (pending.clear) this.#ended.add(fingerprint);
    else this.#ended.delete(fingerprint);
  }

  /** False: no room. */
  #makeRoom(): boolean {
    if (this.#waiting.size < PENDING_MAX) return true;
    this.#dropped += 1;
    for (const fingerprint of this.#ended) {
      this.#ended.delete(fingerprint);
      this.#waiting.delete(fingerprint);
      this.#unsaved.delete(fingerprint);
      return true;
    }
    return false;
  }
}

/** The newer speaks; both count, and of a signal's severities the worst is kept. */
export function mergePending(older: Pending, newer: Pending): Pending {
  return {
    ...newer,
    sighting: mergeSighting(older, newer),
    occurrences: newer.occurrences + older.occurrences,
    hasNewText: newer.hasNewText || older.hasNewText,
    exemplars: newer.exemplars.length === 0 ? older.exemplars : newer.exemplars,
  };
}

function mergeSighting(older: Pending, newer: Pending): Pending["sighting"] {
  if (newer.sighting === null || older.sighting === null) return newer.sighting ?? older.sighting;
  const { signal, seenAtMs, onsetAtMs } = newer.sighting;
  const severities = [older.sighting.signal.severity, signal.severity] as const;
  const [before, now] = severities;
  const severity = severityRank(before) > severityRank(now) ? before : now;
  // After an end it is another one, with a beginning of its own.
  const began = older.clear ? onsetAtMs : Math.min(older.sighting.onsetAtMs, onsetAtMs);
  return { signal: { ...signal, severity }, seenAtMs, onsetAtMs: began };
}

function pendingStateOf(pending: Pending, receiptOffsetMs: number): PendingState {
  const { sighting, ...state } = pending;
  if (sighting === null) return { ...state, sighting };
  const { severity, peak, evidence } = sighting.signal;
  const seenMs = sighting.seenAtMs + receiptOffsetMs;
  const onsetMs = sighting.onsetAtMs + receiptOffsetMs;
  return { ...state, sighting: { severity, peak, evidence, seenMs, onsetMs } };
}
