import { setImmediate as nextTurn } from "node:timers/promises";
import { BUCKET_MS, type Kind, type SeriesKey, type Signal } from "@tracer/core";
import type { PipelineState, Transition } from "@tracer/detect";
import { type Decision, type DecisionState, type SeriesId, seriesIdOf } from "@tracer/store";
import { isUnavailable } from "../database.ts";
import type { Observe } from "../observe.ts";
import type { Judged, Judgement } from "./judgement.ts";
import { LastLooks } from "./last-looks.ts";

/** Services whose decisions are recorded; the others are told only from memory. */
export const RECORDED_SERVICES_MAX = 10_000;
/** From this share of its bar on, evidence is recorded for its minute. */
export const NOTED_SHARE_MIN = 0.25;
/** A state that lasts is written again after so many minutes. */
export const HEARTBEAT_MINUTES = 60;
/** Rows that one round may add, and those among them that only say that nothing has changed. */
export const ROWS_PER_ROUND_MAX = 1_500;
export const HEARTBEATS_PER_ROUND_MAX = 1_000;
/** Rows that wait for the database, about 4 MB. */
export const ROWS_WAITING_MAX = 10_000;
const ROWS_PER_STATEMENT_MAX = 1_000;
/** Minutes that may pass between two looks; more are told as unseen. */
const UNSEEN_MINUTES_MAX = 5;
/** Services looked at before others get their turn, about a millisecond. */
const SLICE_SLOTS = 128;

/** What the decisions of the whole pipeline are recorded under; the same key as its incident's. */
export const PIPELINE_KEY: SeriesKey = { project: "default", environment: "", service: "(all)" };

export interface DecisionRecorderOptions {
  /** What the detector makes of a series; null when it holds none at the slot. */
  readonly judge: (slot: number) => Judged | null;
  readonly pipeline: () => PipelineState;
  readonly keyOf: (slot: number) => SeriesKey | undefined;
  /** One more than the largest slot. */
  readonly slotEnd: () => number;
  readonly receiptMs: () => number;
  /** Signals in records older than this are history: nothing is sent. */
  readonly staleSeconds: number;
  readonly write: (rows: readonly Decision[]) => Promise<void>;
  readonly observe: Observe;
}

/**
 * Keeps account of why nothing fired: a row when the state of a kind changes, for each minute with evidence over
 * NOTED_SHARE_MIN of its bar, and each hour while nothing does. Rows wait in memory, bounded, for `flush`.
 */
export class DecisionRecorder {
  readonly #options: DecisionRecorderOptions;
  readonly #looks = new LastLooks();
  #waiting: Decision[] = [];
  #writing: readonly Decision[] = [];
  #dropped = 0;
  #rowsLeft = ROWS_PER_ROUND_MAX;
  #heartbeatsLeft = HEARTBEATS_PER_ROUND_MAX;
  #firstSlot = 0;
  #refusedSlot: number | null = null;
  #pipeline: { state: DecisionState; minute: number } | null = null;

  constructor(options: DecisionRecorderOptions) {
    this.#options = options;
  }

  /** Takes note of what opened or ended. */
  take(transitions: readonly Transition[]): void {
    for (const { state, reason, signal } of transitions) {
      if (state === "opened") {
        const stale = this.#isStale(signal.decidedMs);
        const { sentence } = signal.evidence;
        this.#transition(signal, stale ? "stale" : "open", signal.decidedMs, sentence);
      } else if (state === "resolved") {
        this.#transition(signal, "calm", signal.lastStepMs, endOf(reason));
      }
    }
  }

  /** Forgets a series whose slot is given back. */
  release(slot: number): void {
    this.#looks.release(slot);
  }

  /** False for a service beyond RECORDED_SERVICES_MAX. */
  isRecorded(slot: number): boolean {
    return this.#looks.isRecorded(slot);
  }

  /** Looks at every service once, in slices, then writes what waits. Throws when the database is away. */
  async round(): Promise<void> {
    this.#rowsLeft = ROWS_PER_ROUND_MAX;
    this.#heartbeatsLeft = HEARTBEATS_PER_ROUND_MAX;
    this.#refusedSlot = null;
    this.lookAtPipeline();
    const length = this.#options.slotEnd();
    const first = this.#firstSlot < length ? this.#firstSlot : 0;
    for (let offset = 0; offset < length; offset += 1) {
      if (offset % SLICE_SLOTS === SLICE_SLOTS - 1) await nextTurn();
      const slot = (first + offset) % length;
      if (this.#looks.isRecorded(slot) || this.#looks.count < RECORDED_SERVICES_MAX) {
        this.look(slot);
      }
    }
    // Who found no room goes first next time.
    this.#firstSlot = this.#refusedSlot ?? 0;
    await this.flush();
  }

  /** Looks at one service: what the detector makes of it, noted if it is new. Null when there is no such series. */
  look(slot: number): Judged | null {
    const judged = this.#judged(slot);
    if (judged === null) return null;
    const looks = this.#looks;
    if (!looks.isRecorded(slot)) {
      if (looks.count >= RECORDED_SERVICES_MAX) return judged;
      looks.record(slot);
    }
    const minute = Math.floor(judged.minuteMs / BUCKET_MS);
    const before = looks.lookedMinute(slot);
    if (minute <= before) return judged;
    const unseen = before > 0 && minute - before > UNSEEN_MINUTES_MAX;
    const unseenFromMs = unseen ? (before + 1) * BUCKET_MS : null;
    let key: SeriesKey | undefined;
    for (const judgement of judged.judgements) {
      const part = partIndex(judgement.kind, judgement.part);
      if (part < 0) continue;
      const { state } = judgement;
      const known = looks.state(slot, part);
      const changed = known !== null && known !== state;
      const noted = changed || isNotable(judgement);
      const due = minute - looks.writtenMinute(slot, part) >= HEARTBEAT_MINUTES;
      if (!noted && !due && !unseen) continue;
      if (!this.#hasRoom(slot, noted)) continue;
      key ??= this.#options.keyOf(slot);
      if (key === undefined) return judged;
      const row = { ...judgement, atMs: judged.minuteMs, unseenFromMs };
      this.#waiting.push({ ...row, series: seriesIdOf(key) });
      looks.setWritten(slot, part, state, minute);
    }
    looks.setLooked(slot, minute);
    return judged;
  }

  /** Whether anything arrives at all; its opening and end come as transitions. */
  lookAtPipeline(): void {
    const atMs = this.#options.receiptMs();
    const minute = Math.floor(atMs / BUCKET_MS);
    const now = pipelineState(this.#options.pipeline());
    const known = this.#pipeline;
    const due = known === null || minute - known.minute >= HEARTBEAT_MINUTES;
    if ((known?.state === now.state && !due) || this.#waiting.length >= ROWS_WAITING_MAX) return;
    this.#pipeline = { state: now.state, minute };
    const none = { evidence: null, peakEvidence: null, bar: null, observed: null };
    const band = { expected: null, expectedLow: null, expectedHigh: null };
    this.#waiting.push({
      ...{ series: seriesIdOf(PIPELINE_KEY), kind: "pipeline", part: "", ...now, atMs },
      ...{ unseenFromMs: null, ...none, ...band },
    });
  }

  /** What is not in the database yet of some series, oldest first. */
  waitingOf(series: readonly SeriesId[]): Decision[] {
    return [...this.#writing, ...this.#waiting].filter((row) => series.includes(row.series));
  }

  /** Writes what waits. Throws when the database is away, and keeps it then; what it refuses is dropped. */
  async flush(): Promise<void> {
    this.#sayDropped();
    while (this.#waiting.length > 0) {
      this.#writing = this.#waiting.splice(0, ROWS_PER_STATEMENT_MAX);
      const batch = this.#writing;
      try {
        await this.#options.write(batch);
      } catch (error) {
        if (isUnavailable(error)) this.#waiting = [...batch, ...this.#waiting];
        else this.#dropped += batch.length;
        throw error;
      } finally {
        this.#writing = [];
      }
    }
  }

  #sayDropped(): void {
    if (this.#dropped === 0) return;
    this.#options.observe({ name: "decisions_dropped", count: this.#dropped });
    this.#dropped = 0;
  }

  /** False: the row has to go. What only repeats comes again with the next look, so it is not missed. */
  #hasRoom(slot: number, noted: boolean): boolean {
    const room =
      this.#waiting.length < ROWS_WAITING_MAX &&
      this.#rowsLeft > 0 &&
      (noted || this.#heartbeatsLeft > 0);
    if (room) {
      this.#rowsLeft -= 1;
      if (!noted) this.#heartbeatsLeft -= 1;
    } else {
      this.#refusedSlot ??= slot;
      if (noted) this.#dropped += 1;
    }
    return room;
  }

  /** A signal of the past is none that people hear of. */
  #judged(slot: number): Judged | null {
    const judged = this.#options.judge(slot);
    if (judged === null || !this.#isStale(judged.minuteMs + BUCKET_MS)) return judged;
    const judgements = judged.judgements.map((judgement) =>
      judgement.state === "open" ? { ...judgement, state: "stale" as const } : judgement,
    );
    return { ...judged, judgements };
  }

  #isStale(stepEndMs: number): boolean {
    const { receiptMs, staleSeconds } = this.#options;
    return receiptMs() - stepEndMs > staleSeconds * 1e3;
  }

  #transition(signal: Signal, state: DecisionState, atMs: number, why: string): void {
    const { slot, kind, part, evidence } = signal;
    const key = kind === "pipeline" ? PIPELINE_KEY : this.#options.keyOf(slot);
    if (key === undefined) return;
    if (this.#waiting.length >= ROWS_WAITING_MAX) {
      this.#dropped += 1;
      return;
    }
    this.#waiting.push({
      ...{ series: seriesIdOf(key), kind, part, state, atMs, unseenFromMs: null, why },
      evidence: evidence.evidence,
      peakEvidence: evidence.evidence,
      bar: evidence.bar,
      observed: evidence.observed,
      expected: evidence.expected,
      expectedLow: evidence.expectedLow,
      expectedHigh: evidence.expectedHigh,
    });
    const minute = Math.floor(atMs / BUCKET_MS);
    const index = partIndex(kind, part);
    if (kind === "pipeline") this.#pipeline = { state, minute };
    else if (index >= 0 && this.#looks.isRecorded(slot)) {
      this.#looks.setWritten(slot, index, state, minute);
    }
  }
}

/** What an incident says for itself needs no row for each of its minutes. */
function isNotable({ state, peakEvidence, bar }: Judgement): boolean {
  if (state === "open" || state === "stale" || peakEvidence === null || bar === null) return false;
  return bar > 0 && peakEvidence >= NOTED_SHARE_MIN * bar;
}

const PARTS: readonly (readonly [kind: Kind, part: string])[] = [
  ["error", ""],
  ["volume", "surge"],
  ["volume", "drop"],
  ["latency", ""],
  ["template", ""],
];

function partIndex(kind: Kind, part: string): number {
  return PARTS.findIndex(([knownKind, knownPart]) => knownKind === kind && knownPart === part);
}

function endOf(reason: Transition["reason"]): string {
  switch (reason) {
    case "accepted":
      return "the signal ended: this is the new normal";
    case "no_records":
      return "the signal ended: no records came any more";
    case "arrivals":
      return "records arrive again";
    default:
      return "the signal ended";
  }
}

function pipelineState(state: PipelineState): { state: DecisionState; why: string } {
  switch (state) {
    case "ok":
      return { state: "calm", why: "records arrive" };
    case "waiting":
      return { state: "not_judged", why: "nothing has arrived yet" };
    case "frozen":
      return { state: "not_judged", why: "nothing arrives from anybody, so silence is not judged" };
    case "silent":
      return { state: "open", why: "nothing arrives at all" };
    default:
      return state satisfies never;
  }
}
