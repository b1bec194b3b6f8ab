import { clip, flatten } from "@tracer/core";
import { type CsvShape, isPlainValueName } from "./metric-csv.ts";
import { MetricSeries } from "./metric-series.ts";
import type { InputProblem } from "./report.ts";

/** Series held at once, about 150 KB each; columns beyond them are counted and not read. */
export const METRIC_SERIES_MAX = 500;
/** Unreadable rows that are named. */
const PROBLEMS_MAX = 10;
const NAME_CHARS_MAX = 100;
const DAY_MS = 86_400_000;

interface WaitingRow {
  readonly timestampMs: number;
  readonly values: Float64Array;
}

/** Gives the rows of metric files to one detector for each series. */
export class MetricCollector {
  readonly series = new Map<string, MetricSeries>();
  /** Columns for which there was no room. */
  columnsUnread = 0;
  /** Rows with at least one value. */
  rows = 0;
  /** Rows with a time but without any value. */
  withoutValue = 0;
  /** Rows with neither. */
  rejected = 0;
  readonly problems: InputProblem[] = [];
  /** Rows without a time that can be read, dated a day ahead of the next, or a day before the last. */
  withoutTime = 0;
  future = 0;
  late = 0;
  readonly #scoreMin: number;

  constructor({ scoreMin }: { readonly scoreMin: number }) {
    this.#scoreMin = scoreMin;
  }

  /** Takes a file's rows, in order. A named column goes on where a file before had the same name. */
  file(fileName: string, input: number, shape: CsvShape): MetricFile {
    const names = columnNames(fileName, shape, (name) => this.series.has(name));
    const series = names.map((name) => this.#seriesOf(name));
    return new MetricFile(this, series, input);
  }

  #seriesOf(name: string): MetricSeries | null {
    const known = this.series.get(name);
    if (known !== undefined) return known;
    if (this.series.size >= METRIC_SERIES_MAX) {
      this.columnsUnread += 1;
      return null;
    }
    const series = new MetricSeries(name, this.#scoreMin);
    this.series.set(name, series);
    return series;
  }
}

/**
 * One file of a MetricCollector. A row waits for the next one: a time a day ahead of what follows is wrong. A
 * wrong or missing time counts as that of the row before.
 */
class MetricFile {
  readonly #collector: MetricCollector;
  readonly #series: readonly (MetricSeries | null)[];
  readonly #input: number;
  #row = 0;
  #newestMs: number;
  #waiting: WaitingRow | null = null;

  constructor(collector: MetricCollector, series: readonly (MetricSeries | null)[], input: number) {
    this.#collector = collector;
    this.#series = series;
    this.#input = input;
    this.#newestMs = Math.max(...series.map((each) => each?.lastMs ?? Number.NEGATIVE_INFINITY));
  }

  add(timestampMs: number, values: Float64Array): void {
    const collector = this.#collector;
    this.#row += 1;
    if (!values.some(Number.isFinite)) {
      if (!Number.isNaN(timestampMs)) collector.withoutValue += 1;
      else this.#reject();
      return;
    }
    collector.rows += 1;
    if (Number.isNaN(timestampMs)) collector.withoutTime += 1;
    this.#judge(timestampMs);
    this.#waiting = { timestampMs, values: values.slice() };
  }

  end(): void {
    this.#judge(Number.NaN);
  }

  #judge(nextMs: number): void {
    const row = this.#waiting;
    this.#waiting = null;
    if (row === null) return;
    const timestampMs = this.#timeOf(row.timestampMs, nextMs);
    if (Number.isFinite(timestampMs)) this.#newestMs = Math.max(this.#newestMs, timestampMs);
    else return; // No row has had a time yet.
    for (const [column, series] of this.#series.entries()) {
      const value = row.values[column] ?? Number.NaN;
      if (Number.isFinite(value)) series?.add(timestampMs, value);
    }
  }

  #timeOf(timestampMs: number, nextMs: number): number {
    const before = this.#newestMs;
    if (Number.isNaN(timestampMs)) return before;
    if (nextMs < timestampMs - DAY_MS && timestampMs > before + DAY_MS) {
      this.#collector.future += 1;
      return Number.isFinite(before) ? before : nextMs;
    }
    if (timestampMs < before - DAY_MS) {
      this.#collector.late += 1;
      return before;
    }
    return timestampMs;
  }

  #reject(): void {
    this.#collector.rejected += 1;
    const { problems } = this.#collector;
    const reason = "neither a time nor a value can be read";
    if (problems.length < PROBLEMS_MAX) {
      problems.push({ input: this.#input, record: this.#row, reason });
    }
  }
}

/** A column that is only called `value` is named after its file, and no other file's column goes on with it. */
function columnNames(
  fileName: string,
  { names, columns }: CsvShape,
  isTaken: (name: string) => boolean,
): string[] {
  const path = fileName.replace(/(?:\.(?:csv|tsv|txt|gz|zst|zstd))+$/iu, "");
  const short = path.replace(/^.*[/\\]/u, "");
  const base = isTaken(short) ? path : short;
  const all =
    names ??
    Array.from({ length: columns }, (_, at) => (columns > 1 ? `column ${at + 2}` : "value"));
  const used = new Set<string>();
  return all.map((given) => {
    let name = names === null && columns > 1 ? `${base} ${given}` : given;
    if (isPlainValueName(name)) name = base;
    name = clip(flatten(name), NAME_CHARS_MAX);
    while (used.has(name)) name = `${name}'`; // Two columns of one name are two series.
    used.add(name);
    return name;
  });
}
