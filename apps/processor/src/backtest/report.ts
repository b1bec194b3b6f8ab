import type { Ending, Evidence, Kind, Severity } from "@tracer/core";
import type { TemplateState } from "@tracer/detect";
import type { Alert, Collector } from "./collector.ts";
import type { ClosestCall } from "./held-back.ts";

/** Services in a report, those with most alerts first. The rest is counted. */
export const SERVICES_MAX = 1_000;
export const WEEK_MS = 604_800_000;

/** One record that could not be read. */
export interface InputProblem {
  /** Which of the inputs, and which of its records, both from 1. */
  readonly input: number;
  readonly record: number;
  readonly reason: string;
}

export interface ParseFigures {
  readonly records: number;
  readonly rejected: number;
  /** The first of the rejected. */
  readonly problems: readonly InputProblem[];
  /** Taken, although a field could not be read. */
  readonly warnings: number;
  readonly warningProblems: readonly InputProblem[];
  readonly withoutTime: number;
  /** Rows of a metric file without any number; 0 for logs. */
  readonly withoutValue: number;
  readonly late: number;
  readonly future: number;
  /** Bytes after inflating. */
  readonly bytes: number;
  readonly services: number;
  /** ISO 8601; null when nothing was counted. */
  readonly from: string | null;
  readonly to: string | null;
  readonly spanSeconds: number;
}

export interface ReportedAlert {
  readonly kind: Kind;
  readonly part: string;
  readonly severity: Severity;
  /** What decided: a rule of the detector, or `metric`. */
  readonly rule: string;
  /** ISO 8601: when it began, when it was announced, when it ended (null: not before the input did). */
  readonly since: string;
  readonly decided: string;
  readonly until: string | null;
  readonly durationSeconds: number | null;
  readonly endReason: string | null;
  /** How it ended, where that is no recovery: `accepted`, `no_records`, `not_seen`. */
  readonly ending: Ending | null;
  readonly evidence: Evidence;
  /** Redacted lines, at most three. */
  readonly examples: readonly string[];
}

export interface ReportedService {
  readonly service: string;
  readonly environment: string;
  readonly records: number;
  readonly errors: number;
  readonly from: string;
  readonly to: string;
  /** When it was first judged; null: it was learning to the end. */
  readonly learnedAt: string | null;
  /** Whether a kind of message that was never seen was told of by the end; null where there was no message. */
  readonly newKinds: TemplateState | null;
  readonly alerts: readonly ReportedAlert[];
  /** Why nothing else was said. */
  readonly heldBack: readonly (Omit<ClosestCall, "atMs"> & { readonly at: string })[];
}

/** All that `--json` prints. Keys are only ever added while `version` is 1. */
export interface BacktestReport {
  readonly version: 1;
  /** What was read. For metrics a service is a series of numbers, and a record is a row. */
  readonly input: "logs" | "metrics";
  readonly parse: ParseFigures;
  readonly alerts: {
    readonly total: number;
    readonly critical: number;
    readonly open: number;
    /** Over all services; null when the input spans no time. */
    readonly perWeek: number | null;
    readonly perServiceWeek: number | null;
    /** Counted above, but not listed below. */
    readonly unlisted: number;
  };
  readonly services: readonly ReportedService[];
  /** Services that are not in the list. */
  readonly servicesUnlisted: number;
}

export interface ReportInput {
  readonly collector: Collector;
  readonly bytes: number;
  readonly problems: readonly InputProblem[];
  readonly warnings: number;
  readonly warningProblems: readonly InputProblem[];
  /** Records that never reached the decoder. */
  readonly overlong: number;
}

/** A service of the report with the slot that its chart is kept under. */
export interface Listed {
  readonly slot: number;
  readonly reported: ReportedService;
}

export function reportOf(input: ReportInput): { report: BacktestReport; listed: Listed[] } {
  const { collector } = input;
  const { run } = collector;
  const bySlot = Map.groupBy(collector.alerts, ({ slot }) => slot);
  const slots = [...collector.totals.keys()].sort(
    (left, right) =>
      (bySlot.get(right)?.length ?? 0) - (bySlot.get(left)?.length ?? 0) ||
      (collector.totals.get(right)?.records ?? 0) - (collector.totals.get(left)?.records ?? 0) ||
      left - right,
  );
  const listed = slots.slice(0, SERVICES_MAX).flatMap((slot) => {
    const reported = serviceOf(collector, slot, bySlot.get(slot) ?? []);
    return reported === null ? [] : [{ slot, reported }];
  });
  const known = Number.isFinite(run.newestMs);
  const spanMs = known ? run.newestMs - run.oldestMs : 0;
  const perWeek = spanMs > 0 ? (collector.alertCount * WEEK_MS) / spanMs : null;
  const listedAlerts = listed.reduce((sum, { reported }) => sum + reported.alerts.length, 0);
  const report: BacktestReport = {
    version: 1,
    input: "logs",
    parse: {
      records: run.accepted,
      rejected: run.rejected + input.overlong,
      problems: input.problems,
      warnings: input.warnings,
      warningProblems: input.warningProblems,
      withoutTime: run.withoutTime,
      withoutValue: 0,
      late: run.late,
      future: run.future,
      bytes: input.bytes,
      services: slots.length,
      from: known ? iso(run.oldestMs) : null,
      to: known ? iso(run.newestMs) : null,
      spanSeconds: spanMs / 1000,
    },
    alerts: {
      total: collector.alertCount,
      critical: collector.criticalCount,
      open: collector.alerts.filter(({ untilMs }) => untilMs === null).length,
      perWeek,
      perServiceWeek: perWeek === null ? null : perWeek / Math.max(1, slots.length),
      unlisted: collector.alertCount - listedAlerts,
    },
    services: listed.map(({ reported }) => reported),
    servicesUnlisted: slots.length - listed.length,
  };
  return { report, listed };
}

function serviceOf(
  collector: Collector,
  slot: number,
  alerts: readonly Alert[],
): ReportedService | null {
  const key = collector.run.directory.key(slot);
  const totals = collector.totals.get(slot);
  if (key === undefined || totals === undefined) return null;
  const { templates } = collector.run;
  const learnedMs = collector.heldBack.learnedMs(slot);
  return {
    service: key.service,
    environment: key.environment,
    records: totals.records,
    errors: totals.errors,
    from: iso(totals.firstMs),
    to: iso(totals.lastMs),
    learnedAt: learnedMs === null ? null : iso(learnedMs),
    newKinds: templates.has(slot) ? templates.stateOf(slot) : null,
    alerts: alerts.map(alertOf),
    heldBack: collector.heldBack
      .callsOf(slot)
      .map(({ atMs, ...call }) => ({ ...call, at: iso(atMs) })),
  };
}

function alertOf({
  signal,
  rule,
  severity,
  untilMs,
  endReason,
  ending,
  examples,
}: Alert): ReportedAlert {
  const { kind, part, onsetMs, decidedMs, evidence } = signal;
  return {
    ...{ kind, part, severity, rule },
    since: iso(onsetMs),
    decided: iso(decidedMs),
    until: untilMs === null ? null : iso(untilMs),
    durationSeconds: untilMs === null ? null : (untilMs - onsetMs) / 1000,
    ...{ endReason, ending, evidence, examples },
  };
}

function iso(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
