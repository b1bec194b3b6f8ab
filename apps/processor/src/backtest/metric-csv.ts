import { parseTime } from "@tracer/ingest";

const NEW_LINE = 0x0a;
const RETURN = 0x0d;
const QUOTE = 0x22;
const SPACE = 0x20;
const DELIMITERS = [",", ";", "\t"] as const;
/** Lines looked at to tell whether the columns behind the time hold numbers. */
const SAMPLE_LINES_MAX = 20;
const TIME_NAME = /^@?_?(?:timestamp|time|ts|date|datetime|ds)$/iu;
const VALUE_NAME = /^(?:value|v|y)$/iu;
const MISSING = /^(?:nan|[+-]?inf(?:inity)?|null|none|n\/?a)?$/iu;

export interface CsvShape {
  readonly delimiter: (typeof DELIMITERS)[number];
  /** Names of the columns behind the first, which holds the time; null: the file has no header. */
  readonly names: readonly string[] | null;
  readonly columns: number;
}

/** What kind of metric CSV begins like this, `timestamp,value` with any number of values; null: none. */
export function csvShapeOf(head: string): CsvShape | null {
  const lines = head
    .replace(/^\uFEFF/u, "")
    .split("\n", SAMPLE_LINES_MAX + 1)
    .map((line) => line.trim())
    .filter((line) => line !== "");
  const [first = ""] = lines;
  for (const delimiter of DELIMITERS) {
    const [time = "", ...names] = fieldsOf(first, delimiter);
    if (names.length === 0) continue;
    const shape = { delimiter, columns: names.length };
    if (TIME_NAME.test(time) && names.every((name) => name !== "" && !isValue(name))) {
      const only = names.length === 1 ? names[0] : undefined;
      const isNamed = only !== undefined && VALUE_NAME.test(only);
      return isNamed || holdNumbers(lines.slice(1), shape) ? { ...shape, names } : null;
    }
    if (isTime(time) && holdNumbers(lines, shape)) return { ...shape, names: null };
  }
  return null;
}

/** Whether at least half of the lines of a sample are a time and numbers, or gaps; the last line may be cut off. */
function holdNumbers(
  lines: readonly string[],
  { delimiter, columns }: Pick<CsvShape, "delimiter" | "columns">,
): boolean {
  let numbers = 0;
  let fitting = 0;
  const whole = lines.length > 1 ? lines.slice(0, -1) : lines;
  for (const line of whole) {
    const [time = "", ...values] = fieldsOf(line, delimiter);
    if (!isTime(time) || values.length !== columns || !values.every(isValue)) continue;
    fitting += 1;
    numbers += values.filter((value) => !MISSING.test(value)).length;
  }
  return numbers > 0 && fitting * 2 >= whole.length;
}

function fieldsOf(line: string, delimiter: string): string[] {
  return line.split(delimiter).map(bareField);
}

/** A field without quotes and the space around them. */
export function bareField(field: string): string {
  return field.trim().replace(/^"(.*)"$/u, "$1");
}

/** The number in a bare field; NaN for none, and for one of the words for a missing one. */
export function numberOf(field: string): number {
  return field === "" ? Number.NaN : Number(field);
}

/** Whether a bare field is the name of a column, and not a number or one of the words for a missing one. */
export function isColumnName(field: string): boolean {
  return !isValue(field);
}

/** Whether a name says nothing more than that the column holds the values. */
export function isPlainValueName(name: string): boolean {
  return VALUE_NAME.test(name);
}

function isValue(field: string): boolean {
  return MISSING.test(field) || !Number.isNaN(Number(field));
}

function isTime(field: string): boolean {
  const bytes = Buffer.from(field, "latin1");
  return !Number.isNaN(parseTime(bytes, 0, bytes.length));
}

/** One line of the file that is no header: its time, NaN where it cannot be read, and a number for each column. */
export type OnCsvRow = (timestampMs: number, values: Float64Array) => void;

/** Reads whole lines of a metric CSV; memory does not grow with them. */
export class CsvRows {
  readonly #shape: CsvShape;
  readonly #delimiter: number;
  readonly #values: Float64Array;
  readonly #onRow: OnCsvRow;

  /** `onRow` gets the same array each time. */
  constructor(shape: CsvShape, onRow: OnCsvRow) {
    this.#shape = shape;
    this.#delimiter = shape.delimiter.charCodeAt(0);
    this.#values = new Float64Array(shape.columns);
    this.#onRow = onRow;
  }

  /** Takes whole lines. Blank ones are no rows. */
  read(bytes: Buffer): void {
    let start = 0;
    while (start < bytes.length) {
      const lineEnd = bytes.indexOf(NEW_LINE, start);
      const end = lineEnd < 0 ? bytes.length : lineEnd;
      this.#line(bytes, start, bytes[end - 1] === RETURN ? end - 1 : end);
      start = end + 1;
    }
  }

  #line(bytes: Buffer, start: number, end: number): void {
    let from = start;
    while (from < end && (bytes[from] ?? 0) <= SPACE) from += 1;
    if (from >= end) return;
    let fieldEnd = this.#fieldEnd(bytes, from, end);
    const timestampMs = timeIn(bytes, from, fieldEnd);
    // A header, also one in the middle where files were put one behind the other.
    if (Number.isNaN(timestampMs) && this.#isHeader(bytes, from, fieldEnd)) return;
    for (let column = 0; column < this.#shape.columns; column += 1) {
      const fieldStart = fieldEnd + 1;
      fieldEnd = fieldStart > end ? end : this.#fieldEnd(bytes, fieldStart, end);
      const field = fieldStart > end ? "" : bytes.toString("latin1", fieldStart, fieldEnd);
      this.#values[column] = numberOf(bareField(field));
    }
    this.#onRow(timestampMs, this.#values);
  }

  #isHeader(bytes: Buffer, start: number, end: number): boolean {
    const name = bytes.toString("utf8", start, end).replace(/^\uFEFF/u, "");
    return this.#shape.names !== null && TIME_NAME.test(bareField(name));
  }

  #fieldEnd(bytes: Buffer, start: number, end: number): number {
    const at = bytes.indexOf(this.#delimiter, start);
    return at < 0 || at > end ? end : at;
  }
}

function timeIn(bytes: Buffer, start: number, end: number): number {
  const isQuoted = end - start > 1 && bytes[start] === QUOTE && bytes[end - 1] === QUOTE;
  return isQuoted ? parseTime(bytes, start + 1, end - 1) : parseTime(bytes, start, end);
}
