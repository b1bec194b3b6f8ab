import type { Report } from "./protocol.ts";

/** The first book: what was promised to detectors, from what the workers said. */
export class Ledger {
  /** "fingerprint epoch" → how often an answer said that this epoch exists. */
  readonly acknowledged = new Map<string, number>();
  /** "fingerprint epoch" → how often somebody was told to have created it. */
  readonly created = new Map<string, number>();
  /** Fingerprint → what its sightings came to, in the order of the answers. */
  readonly outcomes = new Map<string, string[]>();
  readonly cleared = new Set<string>();
  /** Processor → how its attempts ended. */
  readonly settled = new Map<string, string[]>();
  /** Processor → what it had an answer for. */
  readonly answered = new Map<string, string[]>();
  /** Processor → how long each of its reservations took. */
  readonly sightMs = new Map<string, number[]>();
  /** Of all calls of the database that took more than a second; 0: none did. */
  slowestCallMs = 0;
  readonly failures: string[] = [];
  /** Called after each report. */
  onReport: () => void = () => {};

  take(report: Report, processorId: string): void {
    switch (report.said) {
      case "sighted":
        for (const result of report.results) this.sighted(result);
        push(this.sightMs, processorId, report.ms);
        for (const { fingerprint } of report.results) push(this.answered, processorId, fingerprint);
        break;
      case "slow":
        this.slowestCallMs = Math.max(this.slowestCallMs, report.ms);
        break;
      case "cleared":
        for (const fingerprint of report.fingerprints) this.cleared.add(fingerprint);
        break;
      case "settled":
        push(this.settled, processorId, report.outcome);
        break;
      case "failed":
        if (this.failures.length < FAILURES_MAX) {
          this.failures.push(`${processorId} ${report.loop}: ${report.reason}`);
        }
        break;
      case "ready":
      case "taken":
        break;
      default:
        report satisfies never;
    }
    this.onReport();
  }

  /** What a sighting came to. */
  sighted(result: {
    readonly fingerprint: string;
    readonly epoch: number;
    readonly outcome: string;
  }): void {
    const { fingerprint, epoch, outcome } = result;
    const name = `${fingerprint} ${epoch}`;
    push(this.outcomes, fingerprint, outcome);
    this.acknowledged.set(name, (this.acknowledged.get(name) ?? 0) + 1);
    if (outcome === "created") this.created.set(name, (this.created.get(name) ?? 0) + 1);
  }
}

const FAILURES_MAX = 200;

function push<Value>(map: Map<string, Value[]>, name: string, value: Value): void {
  const list = map.get(name);
  if (list === undefined) map.set(name, [value]);
  else list.push(value);
}
