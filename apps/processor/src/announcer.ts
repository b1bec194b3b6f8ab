import {
  exemplarText,
  fingerprintOf,
  type Kind,
  type SeriesKey,
  type Severity,
  type Signal,
  type SignalKey,
  type TemplateCount,
} from "@tracer/core";
import type { Transition } from "@tracer/detect";
import type { Sighting, SightResult } from "@tracer/store";
import { isUnavailable } from "./database.ts";
import type { Observe } from "./observe.ts";
import { type Batch, type Pending, PendingSignals } from "./pending-signals.ts";
import type { PendingState } from "./pending-state.ts";
import { signalWithTemplates } from "./templates.ts";
import { titleOf } from "./title.ts";

/** Example lines that go with an alert. */
export const EXEMPLARS_MAX = 3;
/** Sightings in one statement. */
const SIGHTINGS_PER_BATCH_MAX = 200;
/** Until this long after the onset it is looked what messages came before and since; then the last look stays. */
const TEMPLATES_LOOK_MS = 1_500_000;

export interface AnnouncerOptions {
  readonly staleSeconds: number;
  /** An open signal is sighted at least this often, also while no step closes. */
  readonly sightSeconds: number;
  readonly receiptMs: () => number;
  readonly monotonicMs: () => number;
  readonly keyOf: (slot: number) => SeriesKey | undefined;
  /** Newest raw lines of a series since an event time, newest first. */
  readonly linesOf: (slot: number, sinceMs: number) => readonly string[];
  /** The kinds of message behind a signal, those that come most first. None when it is not given. */
  readonly templatesOf?: (signal: Signal) => readonly TemplateCount[];
  /** Whether this processor tells of signals of a kind now; every kind when it is not given. */
  readonly announces?: (kind: Kind) => boolean;
  /** What the rules make of a signal; null: it is not told at all. As it was found when it is not given. */
  readonly judge?: (signal: {
    readonly key: SignalKey;
    readonly severity: Severity;
  }) => { readonly severity: Severity; readonly channels: readonly string[] } | null;
  readonly sight: (sightings: readonly Sighting[]) => Promise<readonly SightResult[]>;
  readonly clear: (keys: readonly SignalKey[]) => Promise<void>;
  readonly observe: Observe;
  /** Called after something was written that a channel may have to send. */
  readonly onWritten: () => void;
}

/** So long a processor that is not to tell of a signal leaves it to the one that is. */
const OTHERS_TELL_MS = 30_000;

interface OpenSignal {
  readonly key: SignalKey;
  readonly fingerprint: string;
  /** False while all its steps lie so far in the past that it is history. */
  announced: boolean;
  lastStepMs: number;
  sightedAtMs: number; // Monotonic.
  hadLines: boolean;
  templates: readonly TemplateCount[];
}

/**
 * From the detector's open signals to the reservation: every open signal is sighted at each step, `clear` is
 * sent when the detector ends it. Newest state per fingerprint only, so a database that is away costs one
 * entry per signal, whatever time it takes; ages are computed when the statement is sent.
 */
export class Announcer {
  readonly #options: AnnouncerOptions;
  readonly #open = new Map<string, OpenSignal>(); // By slot, kind and part.
  readonly pending: PendingSignals;
  /** Since when the database was asked to take something and has not; null: it has. Monotonic. */
  #askedAtMs: number | null = null;
  #drains = 0;

  constructor(options: AnnouncerOptions) {
    this.#options = options;
    this.pending = new PendingSignals(options);
  }

  /** Fingerprints that wait for the database. */
  get pendingCount(): number {
    return this.pending.size;
  }

  /** For how long the database has been asked to take something and has taken nothing, in ms. */
  get blockedMs(): number {
    return this.#askedAtMs === null ? 0 : this.#options.monotonicMs() - this.#askedAtMs;
  }

  /** How many times everything that waited was written. */
  get drains(): number {
    return this.#drains;
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

  /**
   * Writes what is pending. Throws when the database is away; everything stays pending then. What the
   * database refuses for another reason is a mistake of ours: dropped and said, so that it holds up nothing else.
   */
  async flush(): Promise<void> {
    while (this.pending.size > 0) {
      const batch = this.pending.take(SIGHTINGS_PER_BATCH_MAX);
      this.#askedAtMs ??= this.#options.monotonicMs();
      try {
        await this.#write(batch);
      } catch (error) {
        if (isUnavailable(error)) throw this.#putBack(batch, error);
        await this.#writeOneByOne(batch);
      } finally {
        this.pending.settle();
      }
      this.#askedAtMs = null;
    }
    this.#drains += 1;
  }

  /**
   * What is not written yet, to outlive this process: a signal may have begun and ended while the database
   * was away, and then nobody else knows of it. At most PENDING_SAVED_MAX, signals that have ended first.
   */
  pendingState(): readonly PendingState[] {
    return this.pending.states();
  }

  /** Goes on with what another process has left. Call it before `resume`: what is open now is newer. */
  restorePending(states: readonly PendingState[]): void {
    this.pending.restore(states);
  }

  /** Takes over what another process has left: what is known here of the same fingerprints is newer. */
  adopt(states: readonly PendingState[]): void {
    this.pending.adopt(states);
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
      templates: [],
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
    if (!stale && this.#announces(signal)) {
      this.#queueSighting(open, signal, this.#options.monotonicMs());
    }
    return open;
  }

  #resolved(signal: Signal): void {
    const open = this.#open.get(idOf(signal));
    this.#open.delete(idOf(signal));
    if (open === undefined) return;
    if (!open.announced || !this.#announces(signal)) return this.#endOfAnother(signal, open);
    this.#options.observe({
      name: "signal_resolved",
      kind: signal.kind,
      service: open.key.service,
      sentence: signal.evidence.sentence,
      detectSeconds: Math.max(0, this.#options.receiptMs() - signal.lastStepMs) / 1e3,
    });
    // That it is no recovery is for people to know.
    if (signal.evidence.ending !== undefined) {
      this.#queueSighting(open, signal, this.#options.monotonicMs());
    }
    this.pending.queue(open.fingerprint, { ...NOTHING_NEW, key: open.key, clear: true });
  }

  /**
   * Of what is judged on the sum of all, another processor may have told that cannot say any more that it is
   * over: it died, or has lost the lease. So whoever saw it says so; one that still sees it takes that back.
   */
  #endOfAnother(signal: Signal, { fingerprint, key }: OpenSignal): void {
    const isShared = signal.kind === "volume" || signal.kind === "pipeline";
    if (!isShared || this.#stale(signal.lastStepMs)) return;
    this.pending.queue(fingerprint, { ...NOTHING_NEW, key, clear: true });
  }

  #sight(signal: Signal): void {
    const open = this.#open.get(idOf(signal)) ?? this.#opened(signal);
    if (open === null || !this.#announces(signal)) return;
    if (!open.announced && this.#stale(signal.lastStepMs)) return;
    const nowMs = this.#options.monotonicMs();
    const due = nowMs - open.sightedAtMs >= this.#options.sightSeconds * 1e3;
    if (due || signal.lastStepMs > open.lastStepMs) this.#queueSighting(open, signal, nowMs);
  }

  /**
   * A signal that another processor tells of is followed here, to go on with when that one is gone. One that
   * stays is told from here, too: the other may know less, and twice is once for the reservation.
   */
  #announces({ kind, decidedMs, lastStepMs }: Signal): boolean {
    if (this.#options.announces?.(kind) ?? true) return true;
    return lastStepMs - decidedMs >= OTHERS_TELL_MS;
  }

  #stale(stepEndMs: number): boolean {
    return this.#options.receiptMs() - stepEndMs > this.#options.staleSeconds * 1e3;
  }

  #seriesOf(signal: Signal): SeriesKey | undefined {
    if (signal.kind === "pipeline")
      return { project: "default", environment: "", service: "(all)" };
    return this.#options.keyOf(signal.slot);
  }

  #queueSighting(open: OpenSignal, signal: Signal, nowMs: number): void {
    open.announced = true;
    open.lastStepMs = signal.lastStepMs;
    open.sightedAtMs = nowMs;
    const onsetAgeMs = Math.max(0, this.#options.receiptMs() - signal.onsetMs);
    const told = signalWithTemplates(signal, this.#templatesOf(open, signal));
    const lines = this.#options.linesOf(signal.slot, signal.onsetMs);
    const exemplars = [...new Set(lines.map(exemplarText))].slice(0, EXEMPLARS_MAX);
    const hasNewText = exemplars.length > 0 && !open.hadLines;
    open.hadLines ||= hasNewText;
    this.pending.queue(open.fingerprint, {
      key: open.key,
      sighting: { signal: told, seenAtMs: nowMs, onsetAtMs: nowMs - onsetAgeMs },
      exemplars,
      hasNewText,
      occurrences: 1,
      clear: false,
    });
  }

  #templatesOf(open: OpenSignal, signal: Signal): readonly TemplateCount[] {
    const { templatesOf } = this.#options;
    const isFresh = signal.lastStepMs - signal.onsetMs <= TEMPLATES_LOOK_MS;
    if (templatesOf !== undefined && (isFresh || open.templates.length === 0)) {
      open.templates = templatesOf(signal);
    }
    return open.templates;
  }

  /** Returns `error` to be thrown. */
  #putBack(batch: Batch, error: unknown): unknown {
    this.pending.putBack(batch);
    return error;
  }

  async #writeOneByOne(batch: Batch): Promise<void> {
    for (const [index, entry] of batch.entries()) {
      try {
        await this.#write([entry]);
      } catch (error) {
        if (isUnavailable(error)) throw this.#putBack(batch.slice(index), error);
        const { kind, service } = entry[1].key;
        this.#options.observe({ name: "sighting_dropped", kind, service, error });
      }
    }
  }

  async #write(batch: Batch): Promise<void> {
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
    const { key } = pending;
    const judged = this.#options.judge?.({ key, severity: signal.severity });
    if (judged === null) return [];
    return [
      {
        key,
        severity: signal.severity,
        ...judged,
        onsetAgeMs: Math.round(Math.max(0, nowMs - onsetAtMs)),
        ageMs: Math.round(Math.max(0, nowMs - seenAtMs)),
        occurrences: Math.max(1, pending.occurrences),
        peak: signal.peak,
        title: titleOf(key, signal.evidence),
        evidence: signal.evidence,
        exemplars: [...pending.exemplars],
        hasNewText: pending.hasNewText,
      },
    ];
  }
}

const NOTHING_NEW = { sighting: null, exemplars: [], hasNewText: false, occurrences: 0 } as const;

function idOf(signal: Signal): string {
  return `${signal.slot}/${signal.kind}/${signal.part}`;
}
