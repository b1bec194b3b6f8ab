import { type Ending, type Signal, STEP_MS } from "@tracer/core";
import { acceptSeen } from "./accept.ts";
import { baselineOf } from "./baseline.ts";
import { BUCKET_STEPS, bucketOf, closeBucket, fillBucket, missBuckets } from "./buckets.ts";
import { errorIsWarm, learnErrors, scoreErrors, unlearnErrors } from "./error-evidence.ts";
import { continueErrorSignal, judgeErrorSeverity, openErrorSignal } from "./error-signal.ts";
import { signalOf } from "./explain.ts";
import { clearPeak, closePeaks, FLAGS, nearestToBar } from "./explanation.ts";
import { learnLatency, scoreLatency } from "./latency-evidence.ts";
import { learnLatencyHour } from "./latency-hours.ts";
import {
  acceptNewLatency,
  continueLatencySignal,
  judgeLatencySeverity,
  openLatencySignal,
} from "./latency-signal.ts";
import {
  ACCEPT_STEPS,
  newOpenSignal,
  OPEN_STEPS_MIN,
  type OpenSignal,
  type Reason,
  rememberStep,
  SIGNAL_KEYS,
  type SignalPart,
  signalIndexOf,
} from "./open-signal.ts";
import { noCounts, type OpenStep, type StepCounts } from "./open-steps.ts";
import type { Rule } from "./options.ts";
import { ruleBar, ruleScores } from "./rules.ts";
import { closeSeason } from "./seasonal.ts";
import { Flag, type SeriesColumns } from "./series-columns.ts";
import { byDecision, type Transition, withEnding } from "./transition.ts";
import {
  clearDropEvidence,
  expectVolume,
  isDropJudged,
  isPaused,
  learnVolume,
  scoreVolume,
  unlearnVolume,
  type VolumePart,
  volumeExpectedOf,
} from "./volume-evidence.ts";
import {
  acceptNewNormal,
  continueVolumeSignal,
  judgeVolumeSeverity,
  openVolumeSignal,
} from "./volume-signal.ts";

interface Finding {
  readonly rule: Rule;
  readonly index: number;
  readonly score: number | null;
  readonly bar: number;
}

const KEYS_COUNT = SIGNAL_KEYS.length;
const LATENCY_INDEX = 3;
const ANY_OPEN = Flag.errorOpen | Flag.surgeOpen | Flag.dropOpen | Flag.latencyOpen;
const VOLUME_OPEN = Flag.surgeOpen | Flag.dropOpen;
/** Empty steps after which a series reads as silent on the page: a quarter of an hour. */
const SILENT_STEPS = 90;
/** What surges for longer is no batch of each night. */
const LEARNING_OPEN_STEPS_MAX = 120;
/**
 * Until this processor knows so many records of a service, it believes what others say of their errors: the
 * service may come over to it at any time, and its usual errors are then no news.
 */
const BELIEVED_RECORDS_MAX = 2_000;
/** Evidence over this share of its bar is worth watching. */
const WATCH_SHARE = 0.5;

/**
 * Judges every closed step of every series: score first, decide, and only then learn. Holds the open
 * signals. A signal goes closed → open → closed; `changed` is told when its severity rises meanwhile.
 */
export class SignalBook {
  readonly #columns: SeriesColumns;
  readonly #rules: readonly Rule[];
  readonly #useEvidence: boolean;
  readonly #bucketRules: Exclude<Rule, "evidence">[];
  readonly #open = new Map<number, OpenSignal>();
  readonly #shown = new Map<number, Signal>();
  readonly #sum: StepCounts = noCounts();
  readonly #heard: StepCounts = noCounts();
  #pending: Transition[] = [];
  #sorted = 0;

  constructor(columns: SeriesColumns, rules: readonly Rule[]) {
    this.#columns = columns;
    this.#rules = rules;
    this.#useEvidence = rules.includes("evidence");
    this.#bucketRules = rules.filter((rule) => rule !== "evidence");
  }

  push(transition: Transition): void {
    this.#pending.push(transition);
  }

  /** Orders what one call decided by time, so that the order within a batch cannot show. */
  sortPending(): void {
    if (this.#pending.length - this.#sorted > 1) {
      const fresh = this.#pending.splice(this.#sorted);
      this.#pending.push(...fresh.sort(byDecision));
    }
    this.#sorted = this.#pending.length;
  }

  take(): Transition[] {
    const pending = this.#pending;
    this.#pending = [];
    this.#sorted = 0;
    return pending;
  }

  isOpen(slot: number): boolean {
    return this.#columns.has(slot, ANY_OPEN);
  }

  openSignals(): Signal[] {
    const keys = [...this.#open.keys()].sort((left, right) => left - right);
    return keys.flatMap((key) => {
      const open = this.#open.get(key);
      return open === undefined ? [] : [this.#show(key, open)];
    });
  }

  stateOf(slot: number, nextStep: number): "learning" | "ok" | "watch" | "firing" | "silent" {
    const columns = this.#columns;
    if (this.isOpen(slot)) return "firing";
    if (columns.emptyRun.at(slot) >= SILENT_STEPS) return "silent";
    if (!errorIsWarm(columns, slot, nextStep)) return "learning";
    return nearestToBar(columns, slot) >= WATCH_SHARE ? "watch" : "ok";
  }

  /** Ends everything that is open on a slot, because the slot is given back. */
  endAll(slot: number): void {
    for (const [index, flag] of FLAGS.entries()) {
      const open = this.#open.get(slot * KEYS_COUNT + index);
      if (open !== undefined) this.#end(open, index, flag, "no_records");
    }
  }

  /** Transitions that nobody has taken yet. */
  get pendingCount(): number {
    return this.#pending.length;
  }

  openOn(slot: number): OpenSignal[] {
    return FLAGS.flatMap((_, index) => this.#open.get(slot * KEYS_COUNT + index) ?? []);
  }

  /** Puts back a signal that was open when a snapshot was taken, if its rule still decides. */
  reopen(open: OpenSignal): void {
    const index = signalIndexOf(open.kind, open.part);
    const flag = FLAGS[index];
    if (flag === undefined || !this.#rules.includes(open.rule)) return;
    this.#columns.raise(open.slot, flag);
    this.#open.set(open.slot * KEYS_COUNT + index, open);
  }

  /** Ends an open signal and takes what it saw as normal, because a person says so. False: it is not open. */
  accept(slot: number, kind: Signal["kind"], part: string): boolean {
    const index = SIGNAL_KEYS.findIndex((key) => key.kind === kind && key.part === part);
    const flag = FLAGS[index];
    const open = this.#open.get(slot * KEYS_COUNT + index);
    if (flag === undefined || open === undefined) return false;
    this.#end(open, index, flag, "accepted", "accepted_by_hand");
    acceptSeen(this.#columns, open, this.#bucketRules.length > 0);
    return true;
  }

  /** Drops what is open on a slot and says nothing: nobody knows how it went on. */
  forget(slot: number): void {
    for (let index = 0; index < KEYS_COUNT; index += 1) {
      this.#open.delete(slot * KEYS_COUNT + index);
      this.#shown.delete(slot * KEYS_COUNT + index);
    }
    this.#columns.lower(slot, ANY_OPEN);
  }

  /** Lets missing steps pass at once: the same as closing each of them empty and missing. */
  missSteps(slot: number, from: number, to: number): void {
    clearDropEvidence(this.#columns, slot);
    missBuckets(this.#columns, slot, from, to);
  }

  /**
   * Judges and learns one closed step: the volume by what came to all processors, errors and latency by what
   * came here. `missing`: records may be missing, so that their absence says nothing.
   */
  closeStep(slot: number, step: number, counts: OpenStep, missing: boolean): void {
    const columns = this.#columns;
    const all = counts.foreign === 0 ? counts : this.#sumOf(counts);
    const empty = all.records === 0;
    if (missing) clearDropEvidence(columns, slot);
    if (!(empty && missing)) {
      columns.emptyRun.set(slot, empty ? columns.emptyRun.at(slot) + 1 : 0);
      expectVolume(columns, slot, step);
      scoreErrors(columns, slot, step, counts);
      scoreVolume(columns, slot, step, all.records, missing);
      scoreLatency(columns, slot, step, counts);
      columns.recordsTotal.add(slot, all.records);
      fillBucket(columns, slot, all);
      const heard = counts.records === 0 && counts.foreign > 0 ? this.#foreignOf(counts) : counts;
      this.#judgeErrors(slot, step, counts, heard);
      this.#judgeVolume(slot, step, all);
      this.#judgeLatency(slot, step, counts);
      if (!columns.has(slot, Flag.errorOpen)) {
        const believed = heard === counts || columns.recordSum.at(slot) < BELIEVED_RECORDS_MAX;
        learnErrors(columns, slot, believed ? heard : counts);
      }
      if (!columns.has(slot, Flag.latencyOpen)) learnLatency(columns, slot, counts);
      if ((step + 1) % BUCKET_STEPS === 0) learnLatencyHour(columns, slot, step);
      if (!missing) {
        const learns = columns.volumeOpenSteps.at(slot) <= LEARNING_OPEN_STEPS_MAX;
        closeSeason(columns, slot, step, all.records, learns);
        this.#learnVolume(slot, step, all.records);
      }
    }
    if ((step + 1) % BUCKET_STEPS !== 0) return;
    if (columns.bucketSteps.at(slot) === BUCKET_STEPS) this.#judgeBucket(slot, step, all);
    closeBucket(columns, slot, bucketOf(step));
    closePeaks(columns, slot);
  }

  #learnVolume(slot: number, step: number, records: number): void {
    const columns = this.#columns;
    const openSteps = columns.volumeOpenSteps.at(slot);
    if (columns.has(slot, VOLUME_OPEN)) {
      columns.volumeOpenSteps.set(slot, openSteps + 1);
      return;
    }
    if (openSteps > 0) columns.volumeOpenSteps.set(slot, openSteps - 1);
    if (columns.emptyRun.at(slot) >= ACCEPT_STEPS) return; // Gone, not quiet: it may come back as it was.
    if (!isPaused(columns, slot, step)) learnVolume(columns, slot, step, records);
  }

  #sumOf(counts: OpenStep): StepCounts {
    const sum = this.#sum;
    sum.records = counts.records + counts.foreign;
    sum.errors = counts.errors + counts.foreignErrors;
    sum.fatals = counts.fatals;
    sum.latencyCount = counts.latencyCount;
    sum.latencyLogSum = counts.latencyLogSum;
    return sum;
  }

  #foreignOf({ foreign, foreignErrors }: OpenStep): StepCounts {
    this.#heard.records = foreign;
    this.#heard.errors = foreignErrors;
    return this.#heard;
  }

  /** `heard`: what others heard, when this processor heard nothing. A signal is opened by what came here. */
  #judgeErrors(slot: number, step: number, counts: StepCounts, heard: StepCounts): void {
    const open = this.#openAt(slot, 0, Flag.errorOpen);
    if (open === undefined) {
      if (!this.#useEvidence) return;
      const opened = openErrorSignal(this.#columns, slot, step, counts);
      if (opened !== null) this.#begin(opened, 0, Flag.errorOpen);
      return;
    }
    const ended = continueErrorSignal(this.#columns, open, step, heard);
    if (ended !== null) this.#end(open, 0, Flag.errorOpen, ended);
    else if (judgeErrorSeverity(open)) this.#changed(open);
  }

  #judgeVolume(slot: number, step: number, counts: StepCounts): void {
    for (let index = 1; index < LATENCY_INDEX; index += 1) {
      const part: VolumePart = index === 1 ? "surge" : "drop";
      const flag = index === 1 ? Flag.surgeOpen : Flag.dropOpen;
      const open = this.#openAt(slot, index, flag);
      if (open === undefined) {
        if (!this.#useEvidence) continue;
        const opened = openVolumeSignal(this.#columns, slot, step, counts, part);
        if (opened !== null) this.#begin(opened, index, flag);
        continue;
      }
      const ended = continueVolumeSignal(this.#columns, open, step, counts);
      if (ended !== null) this.#end(open, index, flag, ended);
      else if (judgeVolumeSeverity(this.#columns, open)) this.#changed(open);
      if (ended === "accepted") acceptNewNormal(this.#columns, slot, step);
    }
  }

  #judgeLatency(slot: number, step: number, counts: StepCounts): void {
    const open = this.#openAt(slot, LATENCY_INDEX, Flag.latencyOpen);
    if (open === undefined) {
      if (!this.#useEvidence) return;
      const opened = openLatencySignal(this.#columns, slot, step, counts);
      if (opened !== null) this.#begin(opened, LATENCY_INDEX, Flag.latencyOpen);
      return;
    }
    const ended = continueLatencySignal(this.#columns, open, step, counts);
    if (ended !== null) this.#end(open, LATENCY_INDEX, Flag.latencyOpen, ended);
    else if (judgeLatencySeverity(this.#columns, open)) this.#changed(open);
    if (ended === "accepted") acceptNewLatency(this.#columns, slot, step);
  }

  /** Lets the rules that judge whole buckets speak, before the bucket is learned. */
  #judgeBucket(slot: number, step: number, counts: StepCounts): void {
    for (const rule of this.#bucketRules) {
      const scores = ruleScores(this.#columns, slot, step, rule);
      const bar = ruleBar(rule);
      this.#applyRule(slot, step, counts, { rule, index: 0, score: scores.errors, bar });
      if (scores.records === null) continue;
      this.#applyRule(slot, step, counts, { rule, index: 1, score: scores.records, bar });
      const judged = isDropJudged(this.#columns, slot, step);
      const score = judged ? -scores.records : Math.min(0, -scores.records);
      this.#applyRule(slot, step, counts, { rule, index: 2, score, bar });
    }
  }

  #applyRule(slot: number, step: number, counts: StepCounts, finding: Finding): void {
    const { rule, index, score, bar } = finding;
    const key = SIGNAL_KEYS[index];
    const flag = FLAGS[index];
    if (key === undefined || flag === undefined || score === null) return;
    const open = this.#openAt(slot, index, flag);
    if (open === undefined) {
      if (score < bar) return;
      const signal = this.#ruleSignal(slot, step, counts, finding, key.part);
      this.#begin(signal, index, flag);
      return;
    }
    if (open.rule !== rule) return;
    open.evidence = Math.max(0, score);
    const isOver = score < bar / 2 && step - open.decidedStep >= OPEN_STEPS_MIN;
    if (isOver) this.#end(open, index, flag, rule);
  }

  #ruleSignal(
    slot: number,
    step: number,
    counts: StepCounts,
    finding: Finding,
    part: SignalPart,
  ): OpenSignal {
    const columns = this.#columns;
    const records = columns.bucketRecords.at(slot);
    const errors = columns.bucketErrors.at(slot);
    // The rule speaks when all steps of its bucket are learned.
    if (part === "") unlearnErrors(columns, slot, records, errors);
    else {
      const expected = BUCKET_STEPS * volumeExpectedOf(columns, slot);
      unlearnVolume(columns, slot, step, { steps: BUCKET_STEPS, records, expected });
    }
    const expected = volumeExpectedOf(columns, slot);
    const signal = newOpenSignal({
      slot,
      kind: part === "" ? "error" : "volume",
      part,
      rule: finding.rule,
      onsetStep: step - BUCKET_STEPS + 1,
      decidedStep: step,
      evidence: finding.score ?? 0,
      bar: finding.bar,
      since: { ...noCounts(), records, errors },
      expectedRecords: BUCKET_STEPS * expected,
      baseline: baselineOf(columns, slot, step - BUCKET_STEPS + 1, step),
    });
    rememberStep(signal, step, counts);
    if (signal.kind === "error") judgeErrorSeverity(signal);
    else judgeVolumeSeverity(columns, signal);
    return signal;
  }

  #openAt(slot: number, index: number, flag: number): OpenSignal | undefined {
    if (!this.#columns.has(slot, flag)) return undefined;
    return this.#open.get(slot * KEYS_COUNT + index);
  }

  #begin(open: OpenSignal, index: number, flag: number): void {
    this.#columns.raise(open.slot, flag);
    this.#open.set(open.slot * KEYS_COUNT + index, open);
    const signal = signalOf(this.#columns, open, open.lastStep);
    this.#pending.push({ state: "opened", reason: open.rule, signal });
  }

  #changed(open: OpenSignal): void {
    const signal = signalOf(this.#columns, open, open.lastStep);
    this.#pending.push({ state: "changed", reason: open.rule, signal });
  }

  #end(
    open: OpenSignal,
    index: number,
    flag: number,
    reason: Reason,
    ending: Ending | null = reason === "accepted" || reason === "no_records" ? reason : null,
  ): void {
    const signal = signalOf(this.#columns, open, open.lastStep);
    this.#columns.lower(open.slot, flag);
    clearPeak(this.#columns, open.slot, index);
    this.#open.delete(open.slot * KEYS_COUNT + index);
    this.#shown.delete(open.slot * KEYS_COUNT + index);
    this.#pending.push({
      state: "resolved",
      reason,
      signal: ending === null ? signal : withEnding(signal, ending),
    });
  }

  // Sightings are asked for every second and change every ten.
  #show(key: number, open: OpenSignal): Signal {
    const shown = this.#shown.get(key);
    const lastStepMs = (open.lastStep + 1) * STEP_MS;
    if (shown !== undefined && shown.lastStepMs === lastStepMs) return shown;
    const signal = signalOf(this.#columns, open, open.lastStep);
    this.#shown.set(key, signal);
    return signal;
  }
}
