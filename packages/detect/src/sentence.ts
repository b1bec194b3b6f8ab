/** Plain English for people, without the service's name. Never NaN, Infinity or undefined. */

interface Compared {
  readonly observed: number;
  readonly expected: number;
  readonly ratio: number | null;
}

/** "12.4 % of records are errors, 0.6 % expected (20.7×)". */
export function errorSentence({
  observed,
  expected,
  ratio,
  fatals,
}: Compared & { readonly fatals: number }): string {
  const what = fatals > 0 ? "errors, some of them fatal" : "errors";
  const seen = `${percent(observed)} of records are ${what}`;
  if (ratio === null) return `${seen}; new, was 0`;
  return `${seen}, ${percent(expected)} expected (${times(ratio)})`;
}

/** "No records, about 100 a minute expected" or "640 records a minute, about 100 expected (6.4×)". */
export function volumeSentence({ observed, expected, ratio }: Compared): string {
  if (observed === 0) return `No records, about ${amount(expected)} a minute expected`;
  const seen = `${amount(observed)} records a minute`;
  if (ratio === null) return `${seen}; new, was 0`;
  return `${seen}, about ${amount(expected)} expected (${times(ratio)})`;
}

export function acceptedSentence(sentence: string): string {
  return `${sentence}. After 6 hours this is taken as the new normal`;
}

export function silentErrorSentence(sentence: string): string {
  return `${sentence}. No records for 6 hours since`;
}

export function pipelineSentence(gapMs: number, usualGapMs: number): string {
  return `Nothing has arrived from any service for ${duration(gapMs)}; a batch usually comes every ${duration(usualGapMs)}`;
}

function percent(share: number): string {
  const value = share * 100;
  if (value > 0 && value < 0.01) return "under 0.01 %";
  return `${round(value)} %`;
}

function times(ratio: number): string {
  return `${round(ratio)}×`;
}

function amount(value: number): string {
  return value > 0 && value < 0.01 ? "under 0.01" : `${round(value)}`;
}

function duration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 90) return `${round(seconds)} s`;
  if (seconds < 5_400) return `${round(seconds / 60)} minutes`;
  return `${round(seconds / 3_600)} hours`;
}

function round(value: number): number {
  if (value >= 100) return Math.round(value);
  return value >= 1 ? Math.round(value * 10) / 10 : Math.round(value * 100) / 100;
}
