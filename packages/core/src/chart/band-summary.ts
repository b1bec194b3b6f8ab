import type { EvidenceUnit } from "../signal.ts";
import { formatQuantity } from "../text.ts";
import type { BandPoint, BandSeries } from "./band-chart.ts";

/**
 * What a band chart shows, in a sentence or two for readers who cannot see it: the newest value, what was
 * expected of it, the extremes, and how much lies outside the band. Never NaN or Infinity; "No data" for nothing.
 */
export function bandSummary({ points, unit }: Pick<BandSeries, "points" | "unit">): string {
  const known = points.filter(({ value }) => isKnown(value));
  const last = known.at(-1);
  if (last === undefined) return "No data.";
  const values = known.flatMap(({ value }) => (isKnown(value) ? [value] : []));
  const lowest = values.reduce((least, value) => Math.min(least, value));
  const highest = values.reduce((most, value) => Math.max(most, value));
  const outside = known.filter(isOutside).length;
  const judged = known.filter(({ low, high }) => isKnown(low) && isKnown(high)).length;
  const quantity = (value: number | null) => formatQuantity(value, unit);
  return [
    `Newest ${quantity(last.value)}${expectedText(last, unit)}.`,
    `Lowest ${quantity(lowest)}, highest ${quantity(highest)}.`,
    ...(judged === 0 ? [] : [`${outside} of ${judged} outside the band.`]),
  ].join(" ");
}

function expectedText({ expected, low, high }: BandPoint, unit: EvidenceUnit): string {
  if (!isKnown(low) || !isKnown(high)) return "";
  const band = `${formatQuantity(low, unit)} to ${formatQuantity(high, unit)}`;
  return isKnown(expected)
    ? `, ${formatQuantity(expected, unit)} expected (${band})`
    : `, ${band} expected`;
}

function isOutside({ value, low, high }: BandPoint): boolean {
  return isKnown(value) && isKnown(low) && isKnown(high) && (value < low || value > high);
}

function isKnown(value: number | null): value is number {
  return value !== null && Number.isFinite(value);
}
