import assert from "node:assert/strict";
import { type CountDeltas, type Signal, STEP_MS } from "@tracer/core";
import { Arrivals } from "./arrivals.ts";
import { delayOf, learnDelay } from "./delivery-delay.ts";
import { Doubt, type Stretch } from "./doubt.ts";
import { type Explanation, explanationOf } from "./explanation.ts";
import { beginsAt, isAsleep, isIdle, RING_STEPS, skipSilence } from "./idle.ts";
import { emptyStep, type OpenStep, OpenSteps, readCell } from "./open-steps.ts";
import { type DetectorOptions, detectorOptions } from "./options.ts";
import { type PipelineState, pipelineSignal } from "./pipeline-signal.ts";
import { Flag, SeriesColumns } from "./series-columns.ts";
import { type BucketView, bucketViews, type SeriesState } from "./series-view.ts";
import { SignalBook } from "./signal-book.ts";
import {
  decaySeries,
  GAP_STEPS_FRESH_MAX,
  loadHead,
  loadSlots,
  type SavedColumn,
  type SnapshotParts,
  saveHead,
  saveSlots,
} from "./snapshot.ts";
import { invalidSnapshot } from "./snapshot-bytes.ts";
import { TickWheel } from "./tick-wheel.ts";
import { TouchedSeries } from "./touched-series.ts";
import type { Transition } from "./transition.ts";

/** Records further ahead of their receipt than this are counted at receipt. */
const FUTURE_MS_MAX = 300_000;
/** Seconds until a series is looked at again while nothing arrives from anybody. */
const FROZEN_RETRY_SECONDS = 10;
/** Another second for each so many series over which the closing of a step is spread. */
const SPREAD_SERIES = 20_000;
const SPREAD_SECONDS_MAX = 5;
/** Slots that one call for idle ones looks at. */
const IDLE_SCAN_MAX = 2_000;
/** Blocks of a snapshot may be this much newer than its head: a disk can be slow. */
const SNAPSHOT_MS_MAX = 3_600_000;
/** What others counted is here so long after they did: they write each second, and it is read each second. */
const FOREIGN_DELAY_MS = 3_000;

/**
 * Count deltas and ticks in, signals out. Pure: reads no clock, does no I/O, and the same calls give the
 * same answers. A step of a series goes open → closed and is never reopened; it is closed by the
 * watermark of its own series (`observe`), by silence (`tick`), or by event time (`tickTo`).
 */
export class Detector {
  readonly #options: DetectorOptions;
  #latenessMs: number;
  readonly #columns = new SeriesColumns();
  readonly #openSteps: OpenSteps;
  readonly #book: SignalBook;
  readonly #arrivals: Arrivals;
  readonly #wheel = new TickWheel();
  readonly #counts: OpenStep = emptyStep();
  readonly #touched = new TouchedSeries();
  #receiptMs = Number.NEGATIVE_INFINITY;
  #tickedToStep = Number.NEGATIVE_INFINITY;
  #pipelineDecidedMs: number | null = null;
  readonly #doubt = new Doubt();
  #idleCursor = 0;
  #savedLayout: readonly SavedColumn[] = [];

  constructor(options: Partial<DetectorOptions> = {}) {
    this.#options = detectorOptions(options);
    this.#latenessMs = this.#options.latenessSeconds * 1000;
    this.#openSteps = new OpenSteps(this.#options.openStepsMax);
    this.#arrivals = new Arrivals(this.#latenessMs);
    this.#book = new SignalBook(this.#columns, this.#options.rules);
  }

  /**
   * Adds a batch, then closes what the watermarks of its series allow. `receiptMs` is the event-time
   * "now" of its receipt; in a backtest the newest event time so far. `late` counts records of closed
   * steps, and those beyond `openStepsMax`: they change nothing.
   */
  observe(deltas: CountDeltas, receiptMs: number): { late: number } {
    return this.#observe(deltas, receiptMs, false);
  }

  /**
   * Adds records that came to other processors: they count for the volume and as arrivals, and not for
   * errors or latency, of which each processor judges its own. Only `records`, `errors` and `newestMs` of
   * the cells are looked at.
   */
  observeForeign(deltas: CountDeltas, receiptMs: number): { late: number } {
    return this.#observe(deltas, receiptMs, true);
  }

  /** While others count too, steps are closed 3 s later: so long it takes until their counts are here. */
  share(shared: boolean): void {
    this.#latenessMs = this.#options.latenessSeconds * 1000 + (shared ? FOREIGN_DELAY_MS : 0);
    this.#arrivals.latenessMs = this.#latenessMs;
  }

  /**
   * Counts of others may be missing from the steps that are not closed yet and begin in [fromMs, untilMs),
   * event time: what is not there is then no silence, and nothing is learned from it. There is one such
   * stretch: one that begins within the last extends it, and one that begins later takes its place.
   */
  doubt(stretch: Stretch): void {
    assert(Number.isFinite(stretch.fromMs) && stretch.fromMs <= stretch.untilMs);
    this.#doubt.extend(stretch);
  }

  #observe(deltas: CountDeltas, receiptMs: number, foreign: boolean): { late: number } {
    assert(Number.isFinite(receiptMs));
    if (deltas.length === 0) return { late: 0 };
    this.#receiptMs = Math.max(this.#receiptMs, receiptMs);
    this.#touched.begin();
    let [late, records] = [0, 0];
    for (let cell = 0; cell < deltas.length; cell += 1) {
      records += deltas.records[cell] ?? 0;
      if (!this.#add(deltas, cell, receiptMs, foreign)) late += deltas.records[cell] ?? 0;
    }
    this.#endPipeline(receiptMs); // Before the silence that it tells of is over.
    this.#arrivals.arrive(receiptMs, records);
    const deliveredMs = foreign ? receiptMs - FOREIGN_DELAY_MS : receiptMs;
    for (const slot of this.#touched.slots) this.#deliver(slot, deliveredMs, foreign);
    this.#book.sortPending();
    return { late };
  }

  /**
   * Live time: closes the steps of live series up to `receiptMs` − lateness − the delay of each. Call it
   * about once a second; it visits only series that are due.
   */
  tick(receiptMs: number): void {
    assert(Number.isFinite(receiptMs));
    this.#receiptMs = Math.max(this.#receiptMs, receiptMs);
    const limitMs = this.#arrivals.limitMs(receiptMs);
    const second = Math.floor(receiptMs / 1000);
    this.#wheel.turn(second, (slot) => this.#visit(slot, receiptMs, limitMs, second));
    const certain = this.#doubt.isOverAt(receiptMs); // Else others may hear what we do not.
    if (this.#pipelineDecidedMs === null && certain && this.#arrivals.isPipelineSilent(receiptMs)) {
      this.#pipelineDecidedMs = receiptMs;
      const signal = pipelineSignal(this.#arrivals, receiptMs, receiptMs);
      this.#book.push({ state: "opened", reason: "arrivals", signal });
    }
    this.#book.sortPending();
  }

  /** Event time for backtests: closes the steps of every series up to `eventMs` − lateness. */
  tickTo(eventMs: number): void {
    assert(Number.isFinite(eventMs));
    const step = Math.floor((eventMs - this.#latenessMs) / STEP_MS);
    if (step <= this.#tickedToStep) return;
    this.#tickedToStep = step;
    for (let slot = 0; slot < this.#columns.length; slot += 1) {
      if (!this.#columns.has(slot, Flag.known) || this.#columns.has(slot, Flag.dormant)) continue;
      this.#closeUpTo(slot, step);
    }
    this.#book.sortPending();
  }

  /** What opened, rose or ended since the last call, in order of decision. */
  takeTransitions(): Transition[] {
    return this.#book.take();
  }

  /** Every open signal with fresh evidence: to be sighted at every step, also while ticks are frozen. */
  openSignals(): readonly Signal[] {
    const signals = this.#book.openSignals();
    if (this.#pipelineDecidedMs === null) return signals;
    return [...signals, pipelineSignal(this.#arrivals, this.#pipelineDecidedMs, this.#receiptMs)];
  }

  /** Whether batches arrive at all, as of the last call. */
  get pipeline(): PipelineState {
    if (this.#pipelineDecidedMs !== null) return "silent";
    if (!Number.isFinite(this.#arrivals.lastMs)) return "waiting";
    return this.#arrivals.isFrozen(this.#receiptMs) ? "frozen" : "ok";
  }

  /** True when records of the slot's series were counted. */
  has(slot: number): boolean {
    return slot >= 0 && slot < this.#columns.length && this.#columns.has(slot, Flag.known);
  }

  /** End of the last closed step of a series, event time; -Infinity while none is. */
  closedMsOf(slot: number): number {
    if (!this.has(slot) || !this.#columns.has(slot, Flag.started)) return Number.NEGATIVE_INFINITY;
    return this.#columns.nextStep.at(slot) * STEP_MS;
  }

  /** The newest closed 60-second buckets of a series, oldest first, and the open one. */
  bucketsOf(slot: number, bucketsMax: number): BucketView[] {
    if (!this.has(slot)) return [];
    return bucketViews(this.#columns, this.#openSteps, slot, bucketsMax);
  }

  stateOf(slot: number): SeriesState {
    if (!this.has(slot)) return "learning";
    return this.#book.stateOf(slot, this.#columns.nextStep.at(slot));
  }

  /** Evidence and bar of every kind and part right now, whether or not anything is open. */
  explain(slot: number): readonly Explanation[] {
    return this.has(slot) ? explanationOf(this.#columns, slot) : [];
  }

  /**
   * Takes what an open signal has seen since its onset (at most the last hour) as the new normal, because a
   * person says so; the signal ends with reason `accepted`. False: no such signal is open, nothing changes.
   */
  accept(slot: number, kind: Signal["kind"], part: string): boolean {
    if (!this.has(slot) || !this.#book.accept(slot, kind, part)) return false;
    this.#book.sortPending();
    return true;
  }

  /**
   * Services that have been silent for IDLE_SECONDS, or for an hour with fewer than 60 records in all, and
   * have nothing open: release their slots. Looks at a bounded number of slots per call and goes on
   * where it stopped.
   */
  idleSlots(receiptMs: number): number[] {
    const idle: number[] = [];
    const length = this.#columns.length;
    for (let looked = 0; looked < Math.min(IDLE_SCAN_MAX, length); looked += 1) {
      const slot = this.#idleCursor % length;
      this.#idleCursor = slot + 1;
      if (!this.has(slot) || this.#book.isOpen(slot)) continue;
      if (isIdle(this.#columns, slot, receiptMs)) idle.push(slot);
    }
    return idle;
  }

  /** Forgets a series. Its open signals end; its slot may be given to another. */
  release(slot: number): void {
    if (!this.has(slot)) return;
    this.#book.endAll(slot);
    this.#openSteps.release(slot);
    const scheduled = this.#columns.has(slot, Flag.scheduled);
    this.#columns.clear(slot);
    if (scheduled) this.#columns.raise(slot, Flag.scheduled); // It still hangs in the wheel.
  }

  /** After releases: gives back the memory that nobody needs any more. Slots keep their numbers. */
  trim(): void {
    this.#columns.trim();
  }

  /**
   * The first part of a snapshot: what belongs to no series. Then `saveSlots` from 0 on until its `slotEnd`
   * is the detector's; between the calls others may go on, because each block is whole in itself. Every
   * transition must be taken before.
   */
  saveHead(): Uint8Array {
    return saveHead(this.#parts(), {
      receiptMs: this.#receiptMs,
      tickedToStep: this.#tickedToStep,
      pipelineDecidedMs: this.#pipelineDecidedMs,
    });
  }

  /** All that is known of the slots from `from` on: about a thousand, in a block of about 1 MB. */
  saveSlots(from: number): { bytes: Uint8Array; slotEnd: number } {
    assert(from >= 0 && from < this.slotEnd && this.#book.pendingCount === 0);
    return saveSlots(this.#parts(), from);
  }

  /** One more than the largest slot that was ever in use. */
  get slotEnd(): number {
    return this.#columns.length;
  }

  /**
   * Takes over the first part of a snapshot; the detector must be new. `savedMs` is the receipt time of
   * what is in it, -Infinity when it never saw anything.
   *
   * @throws TracerError SNAPSHOT_INVALID, also from `loadSlots`: then throw this detector away.
   */
  loadHead(bytes: Uint8Array): { savedMs: number } {
    assert(this.slotEnd === 0 && !Number.isFinite(this.#receiptMs));
    const { head, layout } = loadHead(this.#parts(), bytes);
    this.#receiptMs = head.receiptMs;
    this.#tickedToStep = head.tickedToStep;
    this.#pipelineDecidedMs = head.pipelineDecidedMs;
    this.#savedLayout = layout;
    return { savedMs: head.receiptMs };
  }

  /** Takes over one block; they come in the order in which they were saved. */
  loadSlots(bytes: Uint8Array): void {
    // In event time steps are closed beyond the last receipt.
    const reachedMs = Math.max(this.#receiptMs, this.#tickedToStep * STEP_MS);
    const newestMs = reachedMs + FUTURE_MS_MAX + SNAPSHOT_MS_MAX;
    if (!Number.isFinite(newestMs)) throw invalidSnapshot("it holds services but no time");
    loadSlots(this.#parts(), this.#savedLayout, bytes, {
      seriesMax: this.#options.seriesMax,
      cellsMax: this.#options.openStepsMax,
      stepMax: Math.floor(newestMs / STEP_MS),
    });
  }

  /**
   * Goes on at `receiptMs` after nobody listened since the snapshot: what is missing from then is missing
   * data, not silence. After more than 5 minutes open signals are dropped without a transition, and what
   * is known counts for less; after 6 hours volumes are learned anew. A gap of 0 changes nothing.
   *
   * @throws TracerError SNAPSHOT_INVALID when the snapshot is of the future.
   */
  resume(receiptMs: number): void {
    assert(Number.isFinite(receiptMs));
    const savedMs = this.#receiptMs;
    if (savedMs > receiptMs + FUTURE_MS_MAX) throw invalidSnapshot("it was written in the future");
    if (!(receiptMs > savedMs) || !Number.isFinite(savedMs)) return;
    const gapSteps = Math.floor((receiptMs - savedMs) / STEP_MS);
    if (gapSteps > GAP_STEPS_FRESH_MAX) this.#pipelineDecidedMs = null;
    this.#arrivals.resume(savedMs, receiptMs, this.#pipelineDecidedMs !== null);
    this.#receiptMs = receiptMs;
    const parts = this.#parts();
    for (let slot = 0; slot < this.slotEnd; slot += 1) decaySeries(parts, slot, gapSteps);
  }

  #parts(): SnapshotParts {
    return {
      columns: this.#columns,
      openSteps: this.#openSteps,
      book: this.#book,
      arrivals: this.#arrivals,
      wheel: this.#wheel,
    };
  }

  /** Adds one cell of a batch. False: it came too late, or there was no room. */
  #add(deltas: CountDeltas, cell: number, receiptMs: number, foreign: boolean): boolean {
    const slot = deltas.slot[cell] ?? 0;
    assert(slot >= 0 && slot < this.#options.seriesMax);
    const columns = this.#columns;
    columns.reserve(slot);
    let step = Math.floor((deltas.stepStartMs[cell] ?? 0) / STEP_MS);
    if (step * STEP_MS > receiptMs + FUTURE_MS_MAX) step = Math.floor(receiptMs / STEP_MS);
    this.#touched.touch(slot, step, Math.min(deltas.newestMs[cell] ?? 0, receiptMs));
    if (!beginsAt(columns, slot, step)) return false;
    readCell(this.#counts, deltas, cell);
    const cells = this.#openSteps;
    const counts = this.#counts;
    return foreign ? cells.addForeign(slot, step, counts) : cells.add(slot, step, counts);
  }

  /** Takes note of a batch of one series and closes what its watermark has passed. */
  #deliver(slot: number, receiptMs: number, foreign: boolean): void {
    const columns = this.#columns;
    const newestMs = this.#touched.newestMs[slot] ?? 0;
    const oldestStepEndMs = ((this.#touched.oldestStep[slot] ?? 0) + 1) * STEP_MS;
    // How late peers are says nothing about the service: after an outage all of it comes at once.
    if (!foreign) learnDelay(columns, slot, { receiptMs, newestMs, oldestStepEndMs });
    columns.newestMs.set(slot, Math.max(columns.newestMs.at(slot), newestMs));
    columns.receiptMs.set(slot, Math.max(columns.receiptMs.at(slot), receiptMs));
    const newest = columns.newestMs.at(slot);
    if (receiptMs - newest <= this.#options.staleSeconds * 1000) columns.raise(slot, Flag.live);
    columns.lower(slot, Flag.dormant);
    this.#closeUpTo(slot, Math.floor((newest - this.#latenessMs) / STEP_MS));
    if (columns.has(slot, Flag.live) && !columns.has(slot, Flag.scheduled)) {
      this.#schedule(slot, Math.floor(receiptMs / 1000));
    }
  }

  #schedule(slot: number, second: number): void {
    this.#columns.raise(slot, Flag.scheduled);
    const endMs = (this.#columns.nextStep.at(slot) + 1) * STEP_MS;
    const dueMs = endMs + this.#latenessMs + delayOf(this.#columns, slot);
    // All steps end at once: with many series one tick would take long, and ingest would wait for it.
    const spread = Math.min(Math.floor(this.slotEnd / SPREAD_SERIES), SPREAD_SECONDS_MAX);
    const due = Math.ceil(dueMs / 1000) + (slot % (spread + 1));
    this.#wheel.add(slot, due > second ? due : second + FROZEN_RETRY_SECONDS);
  }

  #visit(slot: number, receiptMs: number, limitMs: number, second: number): void {
    const columns = this.#columns;
    columns.lower(slot, Flag.scheduled);
    if (!columns.has(slot, Flag.known) || !columns.has(slot, Flag.live)) return;
    const reachedMs = Math.min(receiptMs - delayOf(columns, slot), limitMs) - this.#latenessMs;
    this.#closeUpTo(slot, Math.floor(reachedMs / STEP_MS));
    if (!columns.has(slot, Flag.dormant)) this.#schedule(slot, second);
  }

  /** Closes the steps of a series before `end`, empty ones too. */
  #closeUpTo(slot: number, end: number): void {
    const columns = this.#columns;
    if (columns.nextStep.at(slot) >= end) return;
    columns.raise(slot, Flag.started);
    const [delayMs, heardMs] = [delayOf(columns, slot), columns.receiptMs.at(slot)];
    for (let step = columns.nextStep.at(slot); step < end; step = columns.nextStep.at(slot)) {
      if (isAsleep(columns, slot) && !this.#book.isOpen(slot)) {
        if (!this.#openSteps.has(slot)) {
          columns.raise(slot, Flag.dormant);
          if (end - step < RING_STEPS) return;
        }
        const earliest = Math.min(this.#openSteps.earliest(slot) ?? end, end);
        if (earliest > step) {
          skipSilence(columns, slot, step, earliest);
          continue;
        }
      }
      const arrivedEnd = this.#arrivals.missingUntil(step, heardMs, delayMs);
      const missingEnd = Math.max(arrivedEnd, this.#doubt.missingUntil(step));
      const emptyEnd = Math.min(missingEnd, this.#openSteps.earliest(slot) ?? end, end);
      if (emptyEnd > step) {
        this.#book.missSteps(slot, step, emptyEnd);
        columns.nextStep.set(slot, emptyEnd);
        continue;
      }
      this.#openSteps.take(slot, step, this.#counts);
      this.#book.closeStep(slot, step, this.#counts, missingEnd > step);
      columns.nextStep.set(slot, step + 1);
    }
  }

  #endPipeline(receiptMs: number): void {
    if (this.#pipelineDecidedMs === null) return;
    const signal = pipelineSignal(this.#arrivals, this.#pipelineDecidedMs, receiptMs);
    this.#pipelineDecidedMs = null;
    this.#book.push({ state: "resolved", reason: "arrivals", signal });
  }
}
