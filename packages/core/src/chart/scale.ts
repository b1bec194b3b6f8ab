/** Larger values are drawn at the edge: sums of two of them must stay finite. */
const VALUE_MAX = 1e15;

/** Maps [from, to] onto [start, end], clamped to it; every result is finite. */
export interface Scale {
  readonly from: number;
  readonly to: number;
  readonly at: (value: number) => number;
}

export function scaleOf(from: number, to: number, start: number, end: number): Scale {
  const size = to - from;
  const at = (value: number) => {
    const part = size > 0 ? (bounded(value) - from) / size : 0.5;
    return start + Math.min(1, Math.max(0, part)) * (end - start);
  };
  return { from, to, at };
}

/** The value, no further from 0 than can be drawn. */
export function bounded(value: number): number {
  return Math.min(VALUE_MAX, Math.max(-VALUE_MAX, value));
}

/** Round values within [from, to], about `count` of them: multiples of 1, 2 or 5 times a power of ten. */
export function roundTicks(from: number, to: number, count: number): number[] {
  const raw = (to - from) / Math.max(1, count);
  if (!(raw > 0)) return [from];
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= raw) ?? 10);
  const first = Math.ceil(from / step - 1e-9) + 0; // Not -0.
  const last = Math.floor(to / step + 1e-9);
  const ticks: number[] = [];
  for (let index = first; index <= last && ticks.length <= 2 * count + 2; index += 1) {
    ticks.push(index * step);
  }
  return ticks;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const TIME_STEPS_MS = [
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * MINUTE_MS),
  ...[1, 2, 3, 6, 12].map((hours) => hours * HOUR_MS),
  ...[1, 2, 7, 14, 30, 90, 365].map((days) => days * DAY_MS),
];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** Round UTC times within [fromMs, toMs], at most `countMax`, with their labels. */
export function timeTicks(
  fromMs: number,
  toMs: number,
  countMax: number,
): { atMs: number; label: string }[] {
  const fits = (stepMs: number) => (toMs - fromMs) / stepMs <= countMax;
  const widest = ((toMs - fromMs) / countMax / DAY_MS + 1) * DAY_MS;
  const stepMs = TIME_STEPS_MS.find(fits) ?? Math.ceil(widest / DAY_MS) * DAY_MS;
  const ticks: { atMs: number; label: string }[] = [];
  for (let atMs = Math.ceil(fromMs / stepMs) * stepMs; atMs <= toMs; atMs += stepMs) {
    if (ticks.length > countMax) break;
    ticks.push({ atMs, label: timeLabel(atMs) });
  }
  return ticks;
}

function timeLabel(atMs: number): string {
  const date = new Date(atMs);
  const month = MONTHS[date.getUTCMonth()] ?? "";
  if (atMs % DAY_MS === 0) return `${date.getUTCDate()} ${month}`;
  return date.toISOString().slice(11, 16);
}
