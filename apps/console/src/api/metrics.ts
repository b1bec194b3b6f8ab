import type { Counts } from "./shapes.ts";

/** The counts out of the text of `/metrics`, for while there is no stream; the rate is not told there. */
export function countsOf(metrics: string): Counts {
  const sum = (pattern: RegExp) =>
    [...metrics.matchAll(pattern)].reduce((total, [, value]) => total + (Number(value) || 0), 0);
  return {
    recordsTotal: sum(/^tracer_records_total\{[^}]*result="accepted"[^}]*\} (\S+)/gm),
    recordsPerSecond: Number.NaN,
    services: sum(/^tracer_series(?:\{[^}]*\})? (\S+)/gm),
  };
}
