import {
  BUCKET_MS,
  type CountDeltas,
  type Ending,
  exemplarText,
  type Severity,
  type Signal,
  severityRank,
} from "@tracer/core";
import type { Transition } from "@tracer/detect";
import { ExemplarRings, type RecordBatch } from "@tracer/ingest";
import { EventTimeRun, type EventTimeRunOptions } from "../event-time-run.ts";
import { ChartGrid } from "./chart-grid.ts";
import { HeldBack } from "./held-back.ts";

/** Alerts that are kept with all they say; those beyond are only counted. */
export const ALERTS_MAX = 10_000;
const EXAMPLES_PER_ALERT_MAX = 3;
const EXAMPLES_LATEST_MS = 60_000;

export interface Alert {
  readonly slot: number;
  /** As it was when it was announced. */
  readonly signal: Signal;
  /** What decided that it opened. */
  readonly rule: string;
  severity: Severity;
  peak: number;
  /** Event time of the end; null: still open when the input ended. */
  untilMs: number | null;
  /** Why it ended. */
  endReason: string | null;
  /** How it ended, where that is no recovery. */
  ending: Ending | null;
  examples: readonly string[];
}

export interface ServiceTotals {
  records: number;
  errors: number;
  firstMs: number;
  lastMs: number;
}

/** Runs the detector over what it is given, and keeps what a report needs. */
export class Collector {
  readonly run: EventTimeRun;
  readonly charts = new ChartGrid();
  readonly heldBack = new HeldBack();
  readonly alerts: Alert[] = [];
  readonly totals = new Map<number, ServiceTotals>();
  /** Alerts in all, and those of severity critical. */
  alertCount = 0;
  criticalCount = 0;
  readonly #open = new Map<string, Alert>();
  readonly #examples = new ExemplarRings();
  #fresh: Alert[] = [];
  #lookedMs = Number.NEGATIVE_INFINITY;

  constructor(options: Pick<EventTimeRunOptions, "seriesMax" | "latenessSeconds" | "rules">) {
    this.run = new EventTimeRun({
      ...options,
      onGroup: (deltas) => this.#group(deltas),
      onTick: (nowMs) => this.#tick(nowMs),
      onDecided: (transition) => this.#decide(transition),
      onRows: (batch, bytes) => this.#rows(batch, bytes),
    });
  }

  #group(deltas: CountDeltas): void {
    this.charts.add(deltas, (slot) => this.run.detector.explain(slot));
    for (let cell = 0; cell < deltas.length; cell += 1) {
      const slot = deltas.slot[cell] ?? 0;
      const fromMs = deltas.stepStartMs[cell] ?? 0;
      const totals = this.totals.get(slot) ?? newTotals();
      this.totals.set(slot, totals);
      totals.records += deltas.records[cell] ?? 0;
      totals.errors += deltas.errors[cell] ?? 0;
      totals.firstMs = Math.min(totals.firstMs, fromMs);
      totals.lastMs = Math.max(totals.lastMs, deltas.newestMs[cell] ?? fromMs);
    }
  }

  #tick(nowMs: number): void {
    if (nowMs < this.#lookedMs + BUCKET_MS) return;
    this.#lookedMs = nowMs;
    this.heldBack.look(this.run.detector, this.run.directory.slotEnd, nowMs);
  }

  #decide(transition: Transition): void {
    const { state, signal, reason } = transition;
    const { slot, kind, part } = signal;
    this.heldBack.note(transition);
    const key = `${slot}/${kind}/${part}`;
    if (state === "opened") {
      this.alertCount += 1;
      if (signal.severity === "critical") this.criticalCount += 1;
      this.charts.markAlert(slot);
      const { severity, peak } = signal;
      const alert: Alert = {
        ...{
          slot,
          signal,
          rule: reason,
          severity,
          peak,
          untilMs: null,
          endReason: null,
          ending: null,
          examples: [],
        },
      };
      if (this.alerts.length >= ALERTS_MAX) return;
      this.alerts.push(alert);
      this.#open.set(key, alert);
      if (kind === "error" || kind === "template") this.#fresh.push(alert);
      return;
    }
    const alert = this.#open.get(key);
    if (alert === undefined) return;
    if (severityRank(signal.severity) > severityRank(alert.severity)) {
      if (signal.severity === "critical") this.criticalCount += 1;
      alert.severity = signal.severity;
    }
    alert.peak = Math.max(alert.peak, signal.peak);
    if (state === "changed") return;
    alert.untilMs = signal.lastStepMs;
    alert.endReason = reason;
    alert.ending = signal.evidence.ending ?? null;
    this.#open.delete(key);
  }

  /** Lines become text only after their rows were counted, so an alert finds those of its own batch. */
  #rows(batch: RecordBatch, bytes: Uint8Array): void {
    this.#examples.collect(batch, bytes);
    for (const alert of this.#fresh.splice(0)) {
      const lines = this.#examples.take(alert.slot, alert.signal.onsetMs);
      const until = alert.signal.decidedMs + EXAMPLES_LATEST_MS;
      const ofItsTime = lines.filter(({ timestampMs }) => timestampMs <= until);
      alert.examples = (ofItsTime.length > 0 ? ofItsTime : lines)
        .slice(0, EXAMPLES_PER_ALERT_MAX)
        .map(({ text }) => exemplarText(text));
    }
  }
}

function newTotals(): ServiceTotals {
  const firstMs = Number.POSITIVE_INFINITY;
  return { records: 0, errors: 0, firstMs, lastMs: Number.NEGATIVE_INFINITY };
}
