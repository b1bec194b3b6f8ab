import { CountDeltas, STEP_MS, stepStartOf } from "@tracer/core";
import { Detector, type Rule, TemplateBook, type Transition } from "@tracer/detect";
import {
  createLogsDecoder,
  createWasmScanner,
  type DecodeReport,
  messageOf,
  RecordBatch,
  SeriesDirectory,
  type WasmScanner,
} from "@tracer/ingest";
import { decidedBy, withTemplates } from "./templates.ts";

/** Rows that are counted, and shown to `onRows`, at once: few, so that a decision finds the lines of its time. */
const ROWS_MAX = 64;
/** A record this far ahead of the newest so far is believed only when others say the same. */
export const JUMP_MS_MAX = 86_400_000;
/** Records that must speak for a jump, net of those that still come from before it. */
export const JUMP_RECORDS_MIN = 20;
/** Records waiting for others to confirm their time; beyond it all of them are given up. */
export const HELD_RECORDS_MAX = 1_000;
/** A record this far behind the group in hand begins another: a second file may cover the same time. */
const GROUP_SPAN_MS = 600_000;

export interface EventTimeRunOptions {
  readonly seriesMax: number;
  readonly latenessSeconds: number;
  /** What decides. Default: evidence alone. */
  readonly rules?: readonly Rule[] | undefined;
  /** A record stands for its `count`. Default false. */
  readonly readCount?: boolean;
  /** Records in order of decision. */
  readonly onDecided: (transition: Transition) => void;
  /** What is about to be given to the detector, and the newest time known before it. */
  readonly onGroup?: (deltas: CountDeltas) => void;
  /** The detector has closed what it may at this event time. */
  readonly onTick?: (nowMs: number) => void;
  /** Rows that were just taken; offsets are into `bytes`. */
  readonly onRows?: (batch: RecordBatch, bytes: Uint8Array) => void;
}

interface Held {
  readonly slot: number;
  readonly atMs: number;
  readonly level: number;
  readonly latencyMs: number;
  readonly count: number;
}

/**
 * The detector under a clock made of event time: the newest record so far is now. One wrong date must not
 * close everybody's steps, so a record more than a day ahead of now waits until JUMP_RECORDS_MIN others
 * (each record from before the jump takes one vote back) agree; without them it is counted as `future`
 * and nothing else. The first records of all wait in the same way: what a quarter of them is not later than
 * is where time begins, so that most of them may be wrong.
 */
export class EventTimeRun {
  accepted = 0;
  rejected = 0;
  /** Records of steps that were closed already. They change nothing. */
  late = 0;
  /** Records dated ahead of all others, which no other record confirmed. They change nothing. */
  future = 0;
  /** Records that name no time that can be read: counted at the newest time so far. */
  withoutTime = 0;
  /** Event time of the oldest and newest records that were counted; infinite while there is none. */
  oldestMs = Number.POSITIVE_INFINITY;
  newestMs = Number.NEGATIVE_INFINITY;
  readonly directory: SeriesDirectory;
  readonly detector: Detector;
  readonly templates = new TemplateBook();
  readonly #options: EventTimeRunOptions;
  readonly #deltas = new CountDeltas();
  readonly #batch = new RecordBatch(ROWS_MAX);
  readonly #scanner: WasmScanner | null;
  readonly #projectId: number;
  #groupEndMs = Number.NEGATIVE_INFINITY;
  #startMs = Number.NEGATIVE_INFINITY;
  #held: Held[] = [];
  #votes = 0;

  constructor(options: EventTimeRunOptions) {
    const { seriesMax, latenessSeconds, rules = ["evidence"] } = options;
    this.#options = options;
    this.directory = new SeriesDirectory({ seriesMax });
    this.#scanner = createWasmScanner(this.directory);
    this.#projectId = this.directory.project("default");
    this.detector = new Detector({ seriesMax: this.directory.slotsMax, latenessSeconds, rules });
  }

  /** Takes whole records; says what could not be read of them. */
  read(bytes: Uint8Array): DecodeReport {
    const context = {
      directory: this.directory,
      projectId: this.#projectId,
      defaultService: "unknown",
      receiptMs: Number.POSITIVE_INFINITY, // Nothing is ahead of its receipt; a record without a time shows as this.
      readCount: this.#options.readCount === true,
      batch: this.#batch,
      scanner: this.#scanner,
    };
    const decoder = createLogsDecoder(bytes, context, (batch) => {
      this.#take(batch, bytes);
      this.#options.onRows?.(batch, bytes);
    });
    while (!decoder.advance(bytes.length)) {}
    this.accepted += decoder.report.accepted;
    this.rejected += decoder.report.rejected;
    return decoder.report;
  }

  /** The input is complete: judges every step that the newest record has passed. */
  end(): void {
    if (!Number.isFinite(this.newestMs) && this.#held.length > 0) this.#jump();
    this.#giveUp();
    if (!Number.isFinite(this.newestMs)) return;
    this.#endGroup(this.newestMs + this.#options.latenessSeconds * 1000);
  }

  #take(batch: RecordBatch, bytes: Uint8Array): void {
    const { timestampMs, slot, level, latencyMs, count } = batch;
    for (let row = 0; row < batch.length; row += 1) {
      const eventMs = timestampMs[row] ?? Number.NaN;
      const records = count[row] ?? 1;
      let atMs = eventMs;
      if (!Number.isFinite(eventMs)) {
        this.withoutTime += records;
        atMs = this.newestMs;
        if (!Number.isFinite(atMs)) continue; // There is no now yet.
      }
      const latency = latencyMs[row] ?? Number.NaN;
      if (atMs > this.newestMs + JUMP_MS_MAX) {
        this.#hold({
          slot: slot[row] ?? 0,
          atMs,
          level: level[row] ?? 0,
          latencyMs: latency,
          count: records,
        });
        continue;
      }
      if (this.#held.length > 0) this.#doubt();
      this.#count(slot[row] ?? 0, atMs, level[row] ?? 0, latency, records);
      this.#learn(batch, row, atMs, bytes);
    }
  }

  /** A message passes when its record was counted. Those of records that had to wait are few, and lost. */
  #learn(batch: RecordBatch, row: number, atMs: number, bytes: Uint8Array): void {
    const slot = batch.slot[row] ?? 0;
    const level = batch.level[row] ?? 0;
    const weight = this.templates.weigh(slot, atMs, level);
    if (weight === 0 || atMs < this.detector.closedMsOf(slot)) return;
    const message = messageOf(batch, row, bytes);
    if (message !== null)
      this.templates.add(slot, atMs, level, message, weight * (batch.count[row] ?? 1));
  }

  /** Records are counted in groups that end with the step of the newest of them. */
  #count(slot: number, atMs: number, level: number, latencyMs: number, count: number): void {
    if (atMs < this.#startMs - JUMP_MS_MAX) {
      this.late += count;
      return;
    }
    if (atMs >= this.#groupEndMs || atMs < this.#groupEndMs - GROUP_SPAN_MS) this.#endGroup(atMs);
    if (atMs > this.newestMs) this.newestMs = atMs;
    if (atMs < this.oldestMs) this.oldestMs = atMs;
    if (this.#deltas.add(slot, atMs, level, latencyMs, count)) return;
    this.#endGroup(atMs);
    this.#deltas.add(slot, atMs, level, latencyMs, count);
  }

  #endGroup(nextMs: number): void {
    const { onGroup, onTick, onDecided } = this.#options;
    if (this.#deltas.length > 0) {
      onGroup?.(this.#deltas);
      this.late += this.detector.observe(this.#deltas, this.newestMs).late;
      this.#deltas.clear();
    }
    const stepMs = stepStartOf(nextMs);
    this.detector.tickTo(stepMs);
    this.#groupEndMs = stepMs + STEP_MS;
    onTick?.(stepMs);
    for (const transition of decidedBy(this.detector, this.templates)) {
      onDecided(withTemplates(transition, this.templates));
    }
  }

  #hold(held: Held): void {
    this.#held.push(held);
    this.#votes += 1;
    if (this.#votes >= JUMP_RECORDS_MIN) this.#jump();
    else if (this.#held.length >= HELD_RECORDS_MAX) this.#giveUp();
  }

  #doubt(): void {
    this.#votes -= 1;
    if (this.#votes <= 0) this.#giveUp();
  }

  #giveUp(): void {
    for (const { count } of this.#held) this.future += count;
    this.#held = [];
    this.#votes = 0;
  }

  /** Enough records agree that it is later than it seemed. How late is said by the earlier ones: too far ahead
   * cannot be taken back, and later ones go on waiting. */
  #jump(): void {
    const held = this.#held;
    const times = held.map(({ atMs }) => atMs).sort((left, right) => left - right);
    const soundMs = times[times.length >> 2] ?? 0;
    const isBelieved = ({ atMs }: Held) => atMs <= soundMs + JUMP_MS_MAX;
    this.#held = held.filter((each) => !isBelieved(each));
    this.#votes = this.#held.length;
    if (!Number.isFinite(this.#startMs)) {
      this.#startMs = times.find((atMs) => atMs >= soundMs - JUMP_MS_MAX) ?? soundMs;
    }
    for (const each of held.filter(isBelieved)) {
      this.#count(each.slot, each.atMs, each.level, each.latencyMs, each.count);
    }
  }
}
