import type { Severity } from "../severity.ts";
import type { EvidenceUnit } from "../signal.ts";
import { formatQuantity } from "../text.ts";
import { escapeMarkup } from "./markup.ts";
import { bounded, roundTicks, type Scale, scaleOf, timeTicks } from "./scale.ts";

/** One point; what is null, or not finite, is a gap. */
export interface BandPoint {
  /** Beginning of the point, ms since the epoch. */
  readonly startMs: number;
  readonly value: number | null;
  readonly expected: number | null;
  /** The band that steady traffic stays in. */
  readonly low: number | null;
  readonly high: number | null;
}

/** A stretch of time that stands out. */
export interface BandMark {
  readonly fromMs: number;
  /** Null: to the end of the chart. */
  readonly toMs: number | null;
  readonly severity: Severity;
  /** Shown when pointed at. Any text. */
  readonly label: string;
}

export interface BandSeries {
  /** What a reader who cannot see it is told instead. Any text. */
  readonly title: string;
  readonly unit: EvidenceUnit;
  /** Oldest first. */
  readonly points: readonly BandPoint[];
  /** Width of a point in ms. */
  readonly stepMs: number;
  readonly marks?: readonly BandMark[];
  /** In SVG units. Default 720 by 180. */
  readonly width?: number;
  readonly height?: number;
  /** False: only the lines and the band, to the edges; for a sparkline. Default true. */
  readonly axes?: boolean;
}

interface Frame {
  readonly x: Scale;
  readonly y: Scale;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
  readonly stepMs: number;
}

const MARGIN = { left: 58, right: 14, top: 14, bottom: 24 } as const;
const BARE_MARGIN = { left: 1, right: 1, top: 2, bottom: 2 } as const;
const ROW_TICKS = 5;
const TICK_WIDTH = 78;
const LABEL_HALF_WIDTH = 12;
const MARK_WIDTH_MIN = 3;
const TITLE_CHARS_MAX = 300;
const HEADROOM = 1.08;

/**
 * A line with the band it was expected in, as one `<svg>` element for an HTML page: no script, no style
 * sheet, nothing from outside. Pure. Colours are the page's own (`currentColor`) until it styles the classes
 * `band-chart…`. Every coordinate is finite, whatever the values are.
 */
export function bandChart(series: BandSeries): string {
  const { width = 720, height = 180, marks = [], axes = true } = series;
  const points = series.points.filter(({ startMs }) => Number.isFinite(startMs));
  const open =
    `<svg class="band-chart" viewBox="0 0 ${px(width)} ${px(height)}" role="img" ` +
    `aria-label="${escapeMarkup(series.title, TITLE_CHARS_MAX)}"${axes ? "" : ' preserveAspectRatio="none"'}>`;
  if (!points.some(({ value }) => isKnown(value))) {
    return (
      `${open}<text class="band-chart-none" x="${px(width / 2)}" y="${px(height / 2)}" ` +
      'text-anchor="middle" fill="currentColor" font-size="12">No data</text></svg>'
    );
  }
  const frame = frameOf(series, points, width, height);
  return [
    open,
    ...(axes ? [rows(frame, series.unit), columns(frame)] : []),
    ...marks.map((mark) => markOf(mark, frame)),
    bandPath(points, frame),
    linePath(points, ({ expected }) => expected, frame, EXPECTED),
    linePath(points, ({ value }) => value, frame, VALUE),
    "</svg>",
  ].join("");
}

function frameOf(
  { unit, stepMs, axes = true }: BandSeries,
  points: readonly BandPoint[],
  width: number,
  height: number,
): Frame {
  const step = Number.isFinite(stepMs) && stepMs > 0 ? stepMs : 1;
  let top = Number.NEGATIVE_INFINITY;
  let bottom = unit === "number" ? Number.POSITIVE_INFINITY : 0;
  let fromMs = Number.POSITIVE_INFINITY;
  let toMs = Number.NEGATIVE_INFINITY;
  for (const { startMs, value, low, high } of points) {
    fromMs = Math.min(fromMs, startMs);
    toMs = Math.max(toMs, startMs);
    for (const each of [value, low, high]) {
      if (!isKnown(each)) continue;
      top = Math.max(top, bounded(each));
      bottom = Math.min(bottom, bounded(each));
    }
  }
  top = bottom + (top - bottom) * HEADROOM;
  if (unit === "share") top = Math.min(1, Math.max(top, SHARE_TOP_MIN));
  if (top <= bottom) top = bottom + Math.max(1, Math.abs(bottom));
  const margin = axes ? MARGIN : BARE_MARGIN;
  const edges = {
    left: margin.left,
    right: Math.max(margin.left + 1, width - margin.right),
    top: margin.top,
    bottom: Math.max(margin.top + 1, height - margin.bottom),
  };
  return {
    ...edges,
    stepMs: step,
    x: scaleOf(fromMs, toMs + step, edges.left, edges.right),
    y: scaleOf(bottom, top, edges.bottom, edges.top),
  };
}
/** A chart of no errors shows a scale that an error would be seen on. */
const SHARE_TOP_MIN = 0.01;

function rows({ y, left, right }: Frame, unit: EvidenceUnit): string {
  return roundTicks(y.from, y.to, ROW_TICKS)
    .map((tick) => {
      const at = px(y.at(tick));
      return (
        `<path class="band-chart-grid" d="M${px(left)} ${at}H${px(right)}" fill="none" ` +
        'stroke="currentColor" stroke-opacity=".15"/>' +
        `<text class="band-chart-label" x="${px(left - 6)}" y="${at}" dy=".32em" text-anchor="end" ` +
        `fill="currentColor" font-size="11">${escapeMarkup(formatQuantity(tick, unit))}</text>`
      );
    })
    .join("");
}

function columns({ x, left, right, bottom }: Frame): string {
  const countMax = Math.max(1, Math.floor((right - left) / TICK_WIDTH));
  return timeTicks(x.from, x.to, countMax)
    .map(({ atMs, label }) => {
      const at = px(x.at(atMs));
      // The last label must not leave the picture.
      const anchor = x.at(atMs) > right - LABEL_HALF_WIDTH ? "end" : "middle";
      return (
        `<path class="band-chart-grid" d="M${at} ${px(bottom)}v4" fill="none" ` +
        'stroke="currentColor" stroke-opacity=".4"/>' +
        `<text class="band-chart-label" x="${at}" y="${px(bottom + 17)}" text-anchor="${anchor}" ` +
        `fill="currentColor" font-size="11">${escapeMarkup(label)}</text>`
      );
    })
    .join("");
}

function markOf({ fromMs, toMs, severity, label }: BandMark, { x, top, bottom }: Frame): string {
  const from = Number.isFinite(fromMs) ? fromMs : x.from;
  const to = toMs !== null && Number.isFinite(toMs) ? toMs : x.to;
  if (from > x.to || to < x.from) return "";
  const start = x.at(from);
  const width = Math.max(MARK_WIDTH_MIN, x.at(to) - start);
  const kind = `band-chart-mark band-chart-${severity}`;
  return (
    `<g class="${kind}" fill="#c0392b"><title>${escapeMarkup(label, TITLE_CHARS_MAX)}</title>` +
    `<rect x="${px(start)}" y="${px(top)}" width="${px(width)}" height="${px(bottom - top)}" fill-opacity=".16"/>` +
    `<rect x="${px(start)}" y="${px(top - 5)}" width="${px(width)}" height="5"/></g>`
  );
}

function bandPath(points: readonly BandPoint[], frame: Frame): string {
  const path = runsOf(points, frame, ({ low, high }) => isKnown(low) && isKnown(high))
    .map((run) => {
      const upper = run.map((point) => `${xOf(point, frame)} ${px(frame.y.at(point.high ?? 0))}`);
      const lower = run.map((point) => `${xOf(point, frame)} ${px(frame.y.at(point.low ?? 0))}`);
      return `M${upper.join("L")}L${lower.reverse().join("L")}Z`;
    })
    .join("");
  if (path === "") return "";
  return `<path class="band-chart-band" d="${path}" fill="currentColor" fill-opacity=".12"/>`;
}

const EXPECTED = 'class="band-chart-expected" stroke-opacity=".5" stroke-dasharray="4 3"';
const VALUE = 'class="band-chart-value" stroke-width="1.5" stroke-linejoin="round"';

function linePath(
  points: readonly BandPoint[],
  pick: (point: BandPoint) => number | null,
  frame: Frame,
  look: string,
): string {
  const path = runsOf(points, frame, (point) => isKnown(pick(point)))
    .map((run) => {
      const at = run.map((point) => `${xOf(point, frame)} ${px(frame.y.at(pick(point) ?? 0))}`);
      return at.length === 1 ? `M${at[0]}h.01` : `M${at.join("L")}`; // A lone point is a dot.
    })
    .join("");
  if (path === "") return "";
  return `<path ${look} d="${path}" fill="none" stroke="currentColor" stroke-linecap="round"/>`;
}

/** Stretches of points of which something is known, without a gap between them. */
function runsOf(
  points: readonly BandPoint[],
  { stepMs }: Frame,
  isThere: (point: BandPoint) => boolean,
): BandPoint[][] {
  const runs: BandPoint[][] = [];
  let last: BandPoint | null = null;
  for (const point of points) {
    if (!isThere(point)) {
      last = null;
      continue;
    }
    const goesOn = last !== null && point.startMs - last.startMs <= 1.5 * stepMs;
    if (goesOn) runs.at(-1)?.push(point);
    else runs.push([point]);
    last = point;
  }
  return runs;
}

function xOf({ startMs }: BandPoint, { x, stepMs }: Frame): string {
  return px(x.at(startMs + stepMs / 2));
}

function isKnown(value: number | null): value is number {
  return value !== null && Number.isFinite(value);
}

/** A coordinate with one decimal, as short as it can be written. */
function px(value: number): string {
  return String(Math.round(value * 10) / 10);
}
