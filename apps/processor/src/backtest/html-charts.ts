import {
  type BandMark,
  type BandPoint,
  bandChart,
  type EvidenceUnit,
  escapeMarkup,
  formatDuration,
  formatQuantity,
} from "@tracer/core";
import type { ChartGrid, ChartPoint } from "./chart-grid.ts";
import type { MetricChart } from "./metric-chart.ts";
import type { ReportedService } from "./report.ts";
import { alertName, clockText, nameOf } from "./text.ts";

/** Points that all charts of a page may have together, and one at the least: the page must stay light. */
const PAGE_POINTS_MAX = 60_000;
const CHART_POINTS_MIN = 240;
const TABLE_ROWS_MAX = 48;
const WIDTH = 1000;
const HEIGHT = 190;

/** Points of one chart when `charts` services share a page. */
export function pointsMaxOf(charts: number): number {
  return Math.max(CHART_POINTS_MIN, Math.floor(PAGE_POINTS_MAX / Math.max(1, charts)));
}

/** Merges neighbours until there are at most `countMax`. Shares are weighted by their records. */
export function coarser(points: readonly ChartPoint[], countMax: number): ChartPoint[] {
  const width = Math.ceil(points.length / Math.max(1, countMax));
  if (width <= 1) return [...points];
  const merged: ChartPoint[] = [];
  for (let from = 0; from < points.length; from += width) {
    const group = points.slice(from, from + width);
    const [first] = group;
    if (first !== undefined) merged.push(mergeOf(first, group));
  }
  return merged;
}

function mergeOf({ startMs }: ChartPoint, group: readonly ChartPoint[]): ChartPoint {
  const mean = (pick: (point: ChartPoint) => number | null) => {
    const known = group.map(pick).filter((value) => value !== null);
    return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
  };
  const withShare = group.filter(({ errorShare }) => errorShare !== null);
  const weight = withShare.reduce((sum, { records }) => sum + (records ?? 0), 0);
  const errors = withShare.reduce(
    (sum, { records, errorShare }) => sum + (records ?? 0) * (errorShare ?? 0),
    0,
  );
  const logLatency = mean(({ latencyMs }) => (latencyMs === null ? null : Math.log(latencyMs)));
  return {
    startMs,
    records: mean(({ records }) => records),
    expected: mean(({ expected }) => expected),
    low: mean(({ low }) => low),
    high: mean(({ high }) => high),
    errorShare: weight > 0 ? errors / weight : null,
    errorExpected: mean(({ errorExpected }) => errorExpected),
    errorLow: mean(({ errorLow }) => errorLow),
    errorHigh: mean(({ errorHigh }) => errorHigh),
    latencyMs: logLatency === null ? null : Math.exp(logLatency),
    latencyExpected: mean(({ latencyExpected }) => latencyExpected),
    latencyLow: mean(({ latencyLow }) => latencyLow),
    latencyHigh: mean(({ latencyHigh }) => latencyHigh),
  };
}

/** The charts of a service, each with its summary, and one table of the same numbers. Latency only where it is named. */
export function chartsHtml(
  service: ReportedService,
  { charts, slot }: { readonly charts: ChartGrid; readonly slot: number },
  pointsMax: number,
): string {
  const all = charts.pointsOf(slot);
  const stepMs = charts.widthMs * Math.max(1, Math.ceil(all.length / pointsMax));
  const points = coarser(all, pointsMax);
  if (points.length === 0) return '<p class="dim">No chart is kept for this service.</p>';
  const marks = marksOf(service);
  const volume = figure({
    ...{ service, points, stepMs, marks, name: "Records a minute", unit: "records_per_minute" },
    view: ({ records, expected, low, high }) => ({ value: records, expected, low, high }),
  });
  const errors = figure({
    ...{ service, points, stepMs, marks, name: "Share of errors", unit: "share" },
    view: (point) => ({
      value: point.errorShare,
      expected: point.errorExpected,
      low: point.errorLow,
      high: point.errorHigh,
    }),
  });
  const latency = points.some(({ latencyMs }) => latencyMs !== null)
    ? figure({
        ...{ service, points, stepMs, marks, name: "Typical latency", unit: "milliseconds" },
        view: (point) => ({
          value: point.latencyMs,
          expected: point.latencyExpected,
          low: point.latencyLow,
          high: point.latencyHigh,
        }),
      })
    : "";
  return volume + errors + latency + table(service, points, stepMs);
}

/** The chart of a series of numbers, with its summary and a table of the same numbers. */
export function metricChartHtml(
  service: ReportedService,
  chart: MetricChart,
  pointsMax: number,
): string {
  const { points, widthMs } = chart.pointsOf(pointsMax);
  const view = ({ value, expected, low, high }: BandPoint) => ({ value, expected, low, high });
  return (
    figure({
      ...{ service, points, view, stepMs: widthMs, marks: marksOf(service) },
      ...{ name: "Value", unit: "number" },
    }) + metricTable(service, chart)
  );
}

interface FigureOptions<Point> {
  readonly service: ReportedService;
  readonly points: readonly Point[];
  readonly stepMs: number;
  readonly marks: readonly BandMark[];
  readonly name: string;
  readonly unit: EvidenceUnit;
  readonly view: (point: Point) => {
    readonly value: number | null;
    readonly expected: number | null;
    readonly low: number | null;
    readonly high: number | null;
  };
}

function figure<Point extends { readonly startMs: number }>({
  service,
  points,
  stepMs,
  marks,
  name,
  unit,
  view,
}: FigureOptions<Point>): string {
  const shown = points.map((point) => ({ startMs: point.startMs, ...view(point) }));
  const known = shown.filter(({ value }) => value !== null);
  const highest = known.reduce<(typeof known)[number] | null>(
    (best, point) => (best === null || (point.value ?? 0) > (best.value ?? 0) ? point : best),
    null,
  );
  const mean = known.reduce((sum, { value }) => sum + (value ?? 0), 0) / Math.max(1, known.length);
  const last = shown.findLast(({ high }) => high !== null);
  const facts = [
    known.length === 0 ? "nothing is known" : `${formatQuantity(mean, unit)} on average`,
    ...(highest === null
      ? []
      : [
          `highest ${formatQuantity(highest.value, unit)} at ${clockText(new Date(highest.startMs).toISOString())}`,
        ]),
    ...(last === undefined
      ? []
      : [
          `at the end expected ${formatQuantity(last.low, unit)} to ${formatQuantity(last.high, unit)}`,
        ]),
    `a point is ${formatDuration(stepMs / 1000)}`,
  ].join("; ");
  const svg = bandChart({
    ...{ title: `${name} of ${nameOf(service)}: ${facts}`, unit, points: shown, stepMs, marks },
    ...{ width: WIDTH, height: HEIGHT },
  });
  return `<figure><h4>${name}</h4><figcaption>${escapeMarkup(facts)}</figcaption><div class="chart">${svg}</div></figure>`;
}

function marksOf({ alerts }: ReportedService): BandMark[] {
  return alerts.map((alert) => ({
    fromMs: Date.parse(alert.since),
    toMs: alert.until === null ? null : Date.parse(alert.until),
    severity: alert.severity,
    label: `${alertName(alert)}: ${alert.evidence.sentence}`,
  }));
}

function table(service: ReportedService, all: readonly ChartPoint[], stepMs: number): string {
  const points = coarser(all, TABLE_ROWS_MAX);
  const width = (stepMs * Math.ceil(all.length / TABLE_ROWS_MAX)) / 1000;
  const cell = (value: number | null, unit: EvidenceUnit) =>
    `<td class="num">${escapeMarkup(formatQuantity(value, unit))}</td>`;
  const withLatency = points.some(({ latencyMs }) => latencyMs !== null);
  const rows = points.map(
    (point) =>
      `<tr><td class="when">${clockText(new Date(point.startMs).toISOString())}</td>` +
      cell(point.records, "records_per_minute") +
      cell(point.low, "records_per_minute") +
      cell(point.high, "records_per_minute") +
      cell(point.errorShare, "share") +
      cell(point.errorHigh, "share") +
      (withLatency
        ? cell(point.latencyMs, "milliseconds") + cell(point.latencyHigh, "milliseconds")
        : "") +
      "</tr>",
  );
  return (
    '<details class="data"><summary>The same as a table</summary><div class="scroll"><table>' +
    `<caption>${escapeMarkup(nameOf(service))}, a row is ${formatDuration(width)}</caption><thead><tr>` +
    '<th scope="col">From (UTC)</th><th scope="col" class="num">Records</th>' +
    '<th scope="col" class="num">Expected from</th><th scope="col" class="num">to</th>' +
    '<th scope="col" class="num">Errors</th><th scope="col" class="num">Expected up to</th>' +
    (withLatency
      ? '<th scope="col" class="num">Latency</th><th scope="col" class="num">Expected up to</th>'
      : "") +
    `</tr></thead><tbody>${rows.join("")}</tbody></table></div></details>`
  );
}

function metricTable(service: ReportedService, chart: MetricChart): string {
  const { points, widthMs } = chart.pointsOf(TABLE_ROWS_MAX);
  const cell = (value: number | null) => `<td class="num">${formatQuantity(value, "number")}</td>`;
  const rows = points.map(
    ({ startMs, value, low, high }) =>
      `<tr><td class="when">${clockText(new Date(startMs).toISOString())}</td>${cell(value)}${cell(low)}${cell(high)}</tr>`,
  );
  return (
    '<details class="data"><summary>The same as a table</summary><div class="scroll"><table>' +
    `<caption>${escapeMarkup(nameOf(service))}, a row is ${formatDuration(widthMs / 1000)}</caption><thead><tr>` +
    '<th scope="col">From (UTC)</th><th scope="col" class="num">Value</th>' +
    '<th scope="col" class="num">Expected from</th><th scope="col" class="num">to</th>' +
    `</tr></thead><tbody>${rows.join("")}</tbody></table></div></details>`
  );
}
