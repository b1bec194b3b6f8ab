import type { MetricCollector } from "./metric-collector.ts";
import type { MetricAlert, MetricSeries } from "./metric-series.ts";
import {
  type BacktestReport,
  type InputProblem,
  type ReportedAlert,
  type ReportedService,
  SERVICES_MAX,
  WEEK_MS,
} from "./report.ts";

export interface MetricReportInput {
  readonly collector: MetricCollector;
  /** Surprise that alerts, in nats. */
  readonly bar: number;
  readonly bytes: number;
  /** Lines too long to be read. */
  readonly overlong: number;
}

/** A series of the report beside what its chart is made of. */
export interface ListedSeries {
  readonly series: MetricSeries;
  readonly reported: ReportedService;
}

/** The same report as for logs; a series of numbers stands where a service does, and a row is a record. */
export function metricReportOf(input: MetricReportInput): {
  report: BacktestReport;
  listed: ListedSeries[];
} {
  const { collector, bar } = input;
  const all = [...collector.series.values()].filter(({ rows }) => rows > 0);
  all.sort((left, right) => right.alertCount - left.alertCount || right.rows - left.rows);
  const listed = all
    .slice(0, SERVICES_MAX)
    .map((series) => ({ series, reported: reportedSeries(series, bar) }));
  const fromMs = all.reduce((least, { firstMs }) => Math.min(least, firstMs), Infinity);
  const toMs = all.reduce((most, { lastMs }) => Math.max(most, lastMs), -Infinity);
  const known = all.length > 0;
  const spanMs = known ? toMs - fromMs : 0;
  const total = all.reduce((sum, { alertCount }) => sum + alertCount, 0);
  const shown = listed.reduce((sum, { reported }) => sum + reported.alerts.length, 0);
  const perWeek = spanMs > 0 ? (total * WEEK_MS) / spanMs : null;
  const problems: readonly InputProblem[] = collector.problems;
  const report: BacktestReport = {
    version: 1,
    input: "metrics",
    parse: {
      records: collector.rows,
      rejected: collector.rejected + input.overlong,
      ...{ problems, warnings: 0, warningProblems: [] },
      withoutTime: collector.withoutTime,
      withoutValue: collector.withoutValue,
      late: collector.late,
      future: collector.future,
      bytes: input.bytes,
      services: all.length,
      from: known ? iso(fromMs) : null,
      to: known ? iso(toMs) : null,
      spanSeconds: spanMs / 1000,
    },
    alerts: {
      ...{ total, critical: 0, open: 0, perWeek },
      perServiceWeek: perWeek === null ? null : perWeek / Math.max(1, all.length),
      unlisted: total - shown,
    },
    services: listed.map(({ reported }) => reported),
    servicesUnlisted: all.length - listed.length + collector.columnsUnread,
  };
  return { report, listed };
}

function reportedSeries(series: MetricSeries, bar: number): ReportedService {
  const { name, rows, firstMs, lastMs, learnedMs, alerts, closest } = series;
  return {
    ...{ service: name, environment: "", records: rows, errors: 0 },
    from: iso(firstMs),
    to: iso(lastMs),
    learnedAt: learnedMs === null ? null : iso(learnedMs),
    newKinds: null,
    alerts: alerts.map((alert) => reportedAlert(name, alert)),
    heldBack: closest.map(({ atMs, surpriseNats }) => ({
      ...{ reason: "short_of_bar" as const, kind: "metric" as const, part: name },
      ...{ at: iso(atMs), evidence: surpriseNats, bar },
    })),
  };
}

/** A row is judged when it comes, and an event is one row: the one that said something new. */
function reportedAlert(part: string, { atMs, evidence }: MetricAlert): ReportedAlert {
  const at = iso(atMs);
  return {
    ...{ kind: "metric", part, severity: "warning", rule: "metric" },
    ...{ since: at, decided: at, until: at, durationSeconds: 0, endReason: "metric", ending: null },
    ...{ evidence, examples: [] },
  };
}

function iso(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
