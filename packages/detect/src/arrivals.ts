import { STEP_MS } from "@tracer/core";
import {
  invalidSnapshot,
  type SnapshotReader,
  type SnapshotWriter,
  soundNumber,
  wholeIn,
} from "./snapshot-bytes.ts";

/** Ticks stop this long after the last record of any service: nobody can tell silence from a cut line. */
const TICK_FREEZE_SECONDS = 45;
/** A `pipeline` signal needs a gap this long, and this much longer than gaps usually are. */
const PIPELINE_SECONDS_MIN = 120;
export const PIPELINE_GAPS_MIN = 20;
/** …and longer than the longest gap of about the last day. */
const LONGEST_FACTOR = 1.5;
/** An unusual gap counts this much towards the longest: a third one of a day is nothing unusual. */
const UNUSUAL_GAIN = 0.4;
const LONGEST_MEMORY_MS = 86_400_000;
const ARRIVALS_MIN = 60;
/** With fewer, nothing is known about what is usual, and missing is the safer reading. */
const ARRIVALS_KNOWN_MIN = 10;
const LEARNING_MS_MIN = 3_600_000;
const GAP_MEMORY_ARRIVALS = 200;
/** After a freeze, a service not heard again yet is waited for this long before its silence counts. */
const GRACE_SECONDS = 90;
const FREEZES_MAX = 8;
/** What was on its way when a process ended is this old at the most: no service is waited for longer. */
const ON_ITS_WAY_MS_MAX = 600_000;
/** Plain numbers of a snapshot, before the freezes. */
const SAVED_NUMBERS = 8;
/** Steps are kept in 32 bits. */
const STEPS_MAX = 2 ** 31 - 1;

/** A stretch in which nothing arrived from anybody: missing data, not silence. Steps, half-open. */
interface Freeze {
  readonly fromStep: number;
  readonly toStep: number;
  readonly endedMs: number;
}

/** What is known about the arrival of batches, whoever they are from. Receipt times only. */
export class Arrivals {
  /** How long after its end a step is closed. */
  latenessMs: number;
  readonly #freezes: Freeze[] = [];
  #count = 0;
  #firstMs = 0;
  #lastMs = Number.NEGATIVE_INFINITY;
  #gapMs = 0;
  #longestGapMs = 0;
  #recordsPerArrival = 0;
  #ticked = false;

  constructor(latenessMs: number) {
    this.latenessMs = latenessMs;
  }

  get lastMs(): number {
    return this.#lastMs;
  }

  /** How long arrivals have been watched. */
  get ageMs(): number {
    return this.#count === 0 ? 0 : this.#lastMs - this.#firstMs;
  }

  /** Mean time between two batches, in milliseconds. */
  get gapMs(): number {
    return this.#gapMs;
  }

  get recordsPerMinute(): number {
    return this.#gapMs > 0 ? (this.#recordsPerArrival * 60_000) / this.#gapMs : 0;
  }

  /** Receipt time up to which ticks may go: silence beyond it is everybody's. */
  limitMs(receiptMs: number): number {
    this.#ticked = true;
    return Math.min(receiptMs, this.#lastMs + TICK_FREEZE_SECONDS * 1000);
  }

  isFrozen(receiptMs: number): boolean {
    return receiptMs - this.#lastMs >= TICK_FREEZE_SECONDS * 1000;
  }

  arrive(receiptMs: number, records: number): void {
    if (this.#count === 0) {
      this.#firstMs = receiptMs;
      this.#lastMs = receiptMs;
    }
    this.#count += 1;
    const gapMs = Math.max(0, receiptMs - this.#lastMs);
    const unusual = gapMs >= TICK_FREEZE_SECONDS * 1000 && this.#isUnusual(gapMs);
    if (this.#ticked && unusual) {
      this.#freezes.push({
        fromStep: stepAt(this.#lastMs + TICK_FREEZE_SECONDS * 1000 - this.latenessMs),
        toStep: stepAt(receiptMs),
        endedMs: receiptMs,
      });
      if (this.#freezes.length > FREEZES_MAX) this.#freezes.shift();
    }
    const gain = Math.max(1 / this.#count, 1 / GAP_MEMORY_ARRIVALS);
    this.#gapMs += gain * (gapMs - this.#gapMs);
    this.#recordsPerArrival += gain * (records - this.#recordsPerArrival);
    const kept = this.#longestGapMs * Math.exp(-gapMs / LONGEST_MEMORY_MS);
    const learned = unusual ? kept + UNUSUAL_GAIN * (gapMs - kept) : gapMs;
    this.#longestGapMs = Math.max(kept, learned);
    this.#lastMs = Math.max(this.#lastMs, receiptMs);
  }

  /** True when nothing came for so long, and so unusually long, that the line itself is in doubt. */
  isPipelineSilent(receiptMs: number): boolean {
    const gapMs = receiptMs - this.#lastMs;
    return (
      gapMs >= PIPELINE_SECONDS_MIN * 1000 &&
      this.#count >= ARRIVALS_MIN &&
      this.#lastMs - this.#firstMs >= LEARNING_MS_MIN &&
      this.#isUnusual(gapMs)
    );
  }

  /**
   * The end of the steps, from `step` on, in which a series' emptiness is missing data; `step` itself when
   * it is silence. `heardMs` is the last receipt of the series.
   */
  missingUntil(step: number, heardMs: number, delayMs: number): number {
    let reached = step;
    for (const freeze of this.#freezes) {
      const waits = heardMs < freeze.endedMs;
      const graceSteps = waits ? Math.ceil((GRACE_SECONDS * 1000 + delayMs) / STEP_MS) : 0;
      const toStep = freeze.toStep + graceSteps;
      if (reached >= freeze.fromStep && reached < toStep) reached = toStep;
    }
    return reached;
  }

  /**
   * Nobody listened from `savedMs` to `receiptMs`: what is missing from then is missing data. Silence
   * counts from now on; with `keepSilence` the one that was going on is still going on.
   */
  resume(savedMs: number, receiptMs: number, keepSilence: boolean): void {
    if (this.#count === 0) return;
    this.#freezes.push({
      fromStep: stepAt(savedMs - this.latenessMs - ON_ITS_WAY_MS_MAX),
      toStep: stepAt(receiptMs) + 1,
      endedMs: receiptMs,
    });
    if (this.#freezes.length > FREEZES_MAX) this.#freezes.shift();
    if (!keepSilence) this.#lastMs = Math.max(this.#lastMs, receiptMs);
  }

  save(writer: SnapshotWriter): void {
    const freezes = this.#freezes.flatMap((each) => [each.fromStep, each.toStep, each.endedMs]);
    writer.floats([this.#count, this.#firstMs, this.#lastMs, this.#gapMs, this.#longestGapMs]);
    writer.floats([this.#recordsPerArrival, this.#ticked ? 1 : 0, this.#freezes.length]);
    writer.floats(freezes);
  }

  /** Takes over what `save` wrote. Throws SNAPSHOT_INVALID. */
  load(reader: SnapshotReader): void {
    const [count, firstMs, lastMs, gapMs, longestGapMs, recordsPerArrival, ticked, freezes] =
      reader.floats(SAVED_NUMBERS);
    this.#count = wholeIn(count, 0, Number.MAX_SAFE_INTEGER);
    this.#firstMs = soundNumber(firstMs);
    this.#lastMs = this.#count === 0 ? Number.NEGATIVE_INFINITY : soundNumber(lastMs);
    this.#gapMs = soundNumber(gapMs);
    this.#longestGapMs = soundNumber(longestGapMs);
    this.#recordsPerArrival = soundNumber(recordsPerArrival);
    this.#ticked = ticked === 1;
    for (let left = wholeIn(freezes, 0, FREEZES_MAX); left > 0; left -= 1) {
      const [fromStep, toStep, endedMs] = reader.floats(3);
      const freeze = {
        fromStep: wholeIn(fromStep, -STEPS_MAX, STEPS_MAX),
        toStep: wholeIn(toStep, -STEPS_MAX, STEPS_MAX),
        endedMs: soundNumber(endedMs),
      };
      if (freeze.fromStep > freeze.toStep) throw invalidSnapshot("a pause ends before it begins");
      this.#freezes.push(freeze);
    }
  }

  #isUnusual(gapMs: number): boolean {
    if (this.#count < ARRIVALS_KNOWN_MIN) return true;
    return gapMs >= PIPELINE_GAPS_MIN * this.#gapMs && gapMs >= LONGEST_FACTOR * this.#longestGapMs;
  }
}

function stepAt(timeMs: number): number {
  return Math.floor(timeMs / STEP_MS);
}
