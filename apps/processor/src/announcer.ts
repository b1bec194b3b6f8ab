import {
  exemplarText,
  fingerprintOf,
  type SeriesKey,
  type Signal,
  type SignalKey,
} from "@tracer/core";
import type { Transition } from "@tracer/detect";
import type { Sighting, SightResult } from "@tracer/store";
import type { Observe } from "./observe.ts";
import { titleOf } from "./title.ts";

/** Example lines that go with an alert. */
export const EXEMPLARS_MAX = 3;
/** Sightings in one statement. */
const SIGHTINGS_PER_BATCH_MAX = 200;

export interface AnnouncerOptions {
  readonly staleSeconds: number;
  /** An open signal is sighted at least this often, also while no step closes. */
  readonly sightSeconds: number;
  readonly receiptMs: () => number;
  readonly monotonicMs: () => number;
  readonly keyOf: (slot: number) => SeriesKey | undefined;
  /** Newest raw lines of a series since an event time, newest first. */
  readonly linesOf: (slot: number, sinceMs: number) => readonly string[];
  readonly sight: (sightings: readonly Sighting[]) => Promise<readonly SightResult[]>;
  readonly clear: (keys: readonly SignalKey[]) => Promise<void>;
  readonly observe: Observe;
  /** Called after something was written that a channel may have to send. */
  readonly onWritten: () => void;
}

interface OpenSignal {
  readonly key: SignalKey;
  readonly fingerprint: string;
  /** False while all its steps lie so far in the past that it is history. */
  announced: boolean;
  lastStepMs: number;
  sightedAtMs: number; // Monotonic.
  hadLines: boolean;
}

/** What is to be written for one fingerprint; times are monotonic, so that ages are right whenever it is. */
interface Pending {
  readonly key: SignalKey;
  sighting: {
    readonly signal: Signal;
    readonly seenAtMs: number;
    readonly onsetAtMs: number;
  } | null;
  exemplars: readonly string[];
  hasNewText: boolean;
  occurrences: number;
  clear: boolean;
}

/**
 * From the detector's open signals to the reservation: every open signal is sighted at each step, `clear` is
 * sent when the detector ends it. Newest state per fingerprint only, so a database that is away costs one
 * entry per open signal, whatever time it takes; ages are computed when the statement is sent.
 */
export class Announcer {
  readonly #options: AnnouncerOptions;
  readonly #open = new Map<string, OpenSignal>(); // By slot, kind and part.
  readonly #pending = new Map<string, Pending>(); // By fingerprint.

  constructor(options: AnnouncerOptions) {
    this.#options = options;
  }

  /** Fingerprints that wait for the database. */
  get pendingCount(): number {
    return this.#pending.size;
  }

  /** Takes what the detector decided. Pure bookkeeping; nothing is written yet. */
  take(transitions: readonly Transition[]): void {
    for (const { state, signal } of transitions) {
      if (state === "opened") this.#opened(signal);
      else if (state === "resolved") this.#resolved(signal);
      else this.#sight(signal);
    }
  }

  /** Queues a sighting of every open signal that has a new step, or was not sighted for a while. */
  sight(openSignals: readonly Signal[]): void {
    for (const signal of openSignals) this.#sight(signal);
  }

  /** Goes on with signals that were open before a restart: sighted at once, and not counted as new. */
  resume(openSignals: readonly Signal[]): void {
    for (const signal of openSignals) {
      if (this.#follow(signal) !== null) this.#sight(signal);
    }
  }

  /** Writes what is pending. Throws when the database is away; everything stays pending then. */
  async flush(): Promise<void> {
    while (this.#pending.size > 0) {
      const batch = [...this.#pending.entries()].slice(0, SIGHTINGS_PER_BATCH_MAX);
      for (const [fingerprint] of batch) this.#pending.delete(fingerprint);
      try {
        await this.#write(batch);
      } catch (error) {
        for (const [fingerprint, pending] of batch) this.#putBack(fingerprint, pending);
        throw error;
      }
    }
  }

  /** Keeps account of a signal from now on; null when its series is gone. */
  #follow(signal: Signal): OpenSignal | null {
    const series = this.#seriesOf(signal);
    if (series === undefined) return null;
    const key = { ...series, kind: signal.kind, part: signal.part };
    const open = {
      key,
      fingerprint: fingerprintOf(key),
      announced: false,
      lastStepMs: 0,
      sightedAtMs: Number.NEGATIVE_INFINITY,
      hadLines: false,
    };
    this.#open.set(idOf(signal), open);
    return open;
  }

  #opened(signal: Signal): OpenSignal | null {
    const open = this.#follow(signal);
    if (open === null) return null;
    const stale = this.#stale(signal.decidedMs);
    this.#options.observe({
      name: stale ? "signal_stale" : "signal_opened",
      kind: signal.kind,
      service: open.key.service,
      sentence: signal.evidence.sentence,
      detectSeconds: Math.max(0, this.#options.receiptMs() - signal.decidedMs) / 1e3,
    });
    if (!stale) this.#queueSighting(open, signal, this.#options.monotonicMs());
    return open;
  }

  #resolved(signal: Signal): void {
    const open = this.#open.get(idOf(signal));
    this.#open.delete(idOf(signal));
    if (open === undefined || !open.announced) return;
    this.#options.observe({
      name: "signal_resolved",
      kind: signal.kind,
      service: open.key.service,
      sentence: signal.evidence.sentence,
      detectSeconds: Math.max(0, this.#options.receiptMs() - signal.lastStepMs) / 1e3,
    });
    this.#queue(open).clear = true;
  }

  #sight(signal: Signal): void {
    const open = this.#open.get(idOf(signal)) ?? this.#opened(signal);
    if (open === null) return;
    if (!open.announced && this.#stale(signal.lastStepMs)) return;
    const nowMs = this.#options.monotonicMs();
    const due = nowMs - open.sightedAtMs >= this.#options.sightSeconds * 1e3;
    if (due || signal.lastStepMs > open.lastStepMs) this.#queueSighting(open, signal, nowMs);
  }

  #stale(stepEndMs: number): boolean {
    return this.#options.receiptMs() - stepEndMs > this.#options.staleSeconds * 1e3;
  }

  #seriesOf(signal: Signal): SeriesKey | undefined {
    if (signal.kind === "pipeline")
      return { project: "default", environment: "", service: "(all)" };
    return this.#options.keyOf(signal.slot);
  }

  #queue(open: OpenSignal): Pending {
    const { fingerprint, key } = open;
    const found = this.#pending.get(fingerprint);
    if (found !== undefined) return found;
    const fresh: Pending = {
      key,
      sighting: null,
      exemplars: [],
      hasNewText: false,
      occurrences: 0,
      clear: false,
    };
    this.#pending.set(fingerprint, fresh);
    return fresh;
  }

  #queueSighting(open: OpenSignal, signal: Signal, nowMs: number): void {
    open.announced = true;
    open.lastStepMs = signal.lastStepMs;
    open.sightedAtMs = nowMs;
    const pending = this.#queue(open);
    const onsetAgeMs = Math.max(0, this.#options.receiptMs() - signal.onsetMs);
    pending.sighting = { signal, seenAtMs: nowMs, onsetAtMs: nowMs - onsetAgeMs };
    pending.clear = false;
    pending.occurrences += 1;
    const lines = this.#options.linesOf(signal.slot, signal.onsetMs);
    const exemplars = [...new Set(lines.map(exemplarText))].slice(0, EXEMPLARS_MAX);
    if (exemplars.length > 0) {
      pending.exemplars = exemplars;
      pending.hasNewText ||= !open.hadLines;
      open.hadLines = true;
    }
  }

  /** A newer state of the same fingerprint may have come meanwhile; it wins. */
  #putBack(fingerprint: string, pending: Pending): void {
    const newer = this.#pending.get(fingerprint);
    if (newer === undefined) {
      this.#pending.set(fingerprint, pending);
      return;
    }
    newer.sighting ??= pending.sighting;
    newer.occurrences += pending.occurrences;
    newer.hasNewText ||= pending.hasNewText;
    if (newer.exemplars.length === 0) newer.exemplars = pending.exemplars;
  }

  async #write(batch: readonly (readonly [string, Pending])[]): Promise<void> {
    const startedMs = this.#options.monotonicMs();
    const sightings = batch.flatMap(([, pending]) => this.#toSighting(pending, startedMs));
    if (sightings.length > 0) {
      const results = await this.#options.sight(sightings);
      const reserveSeconds = (this.#options.monotonicMs() - startedMs) / 1e3;
      for (const { outcome, incidentId } of results) {
        this.#options.observe({ name: "reserved", outcome, incidentId, reserveSeconds });
      }
      this.#options.onWritten();
    }
    const cleared = batch.filter(([, pending]) => pending.clear).map(([, pending]) => pending.key);
    if (cleared.length > 0) await this.#options.clear(cleared);
  }

  #toSighting(pending: Pending, nowMs: number): Sighting[] {
    if (pending.sighting === null) return [];
    const { signal, seenAtMs, onsetAtMs } = pending.sighting;
    return [
      {
        key: pending.key,
        severity: signal.severity,
        onsetAgeMs: Math.round(Math.max(0, nowMs - onsetAtMs)),
        ageMs: Math.round(Math.max(0, nowMs - seenAtMs)),
        occurrences: Math.max(1, pending.occurrences),
        peak: signal.peak,
        title: titleOf(pending.key, signal.evidence),
        evidence: signal.evidence,
        exemplars: [...pending.exemplars],
        hasNewText: pending.hasNewText,
      },
    ];
  }
}

function idOf(signal: Signal): string {
  return `${signal.slot}/${signal.kind}/${signal.part}`;
}
