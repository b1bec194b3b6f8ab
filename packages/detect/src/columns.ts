/** Six kinds of column, one for each kind of array: code that meets only one of them runs fastest. */

const COUNT_MAX = 2 ** 32 - 1;
const SHORT_MAX = 2 ** 16 - 1;

/** One number per series, or `width` of them side by side. Sums run in these. */
export class FloatColumn {
  readonly name: string;
  readonly width: number;
  values = new Float64Array(0);

  constructor(name: string, width: number) {
    this.name = name;
    this.width = width;
  }

  at(index: number): number {
    return this.values[index] ?? 0;
  }

  set(index: number, value: number): void {
    this.values[index] = value;
  }

  add(index: number, value: number): void {
    this.values[index] = (this.values[index] ?? 0) + value;
  }

  /** Room for `capacity` series; those beyond it are forgotten. */
  resize(capacity: number): void {
    const resized = new Float64Array(capacity * this.width);
    resized.set(this.values.subarray(0, resized.length));
    this.values = resized;
  }
}

/** As FloatColumn, for what is bounded and needs six digits: evidence, ratios, means of them. Never for a sum of months. */
export class SmallFloatColumn {
  readonly name: string;
  readonly width: number;
  values = new Float32Array(0);

  constructor(name: string, width: number) {
    this.name = name;
    this.width = width;
  }

  at(index: number): number {
    return this.values[index] ?? 0;
  }

  set(index: number, value: number): void {
    this.values[index] = value;
  }

  add(index: number, value: number): void {
    this.values[index] = (this.values[index] ?? 0) + value;
  }

  /** Room for `capacity` series; those beyond it are forgotten. */
  resize(capacity: number): void {
    const resized = new Float32Array(capacity * this.width);
    resized.set(this.values.subarray(0, resized.length));
    this.values = resized;
  }
}

/** As FloatColumn, for whole numbers; those beyond 2^32 stay there. */
export class CountColumn {
  readonly name: string;
  readonly width: number;
  values = new Uint32Array(0);

  constructor(name: string, width: number) {
    this.name = name;
    this.width = width;
  }

  at(index: number): number {
    return this.values[index] ?? 0;
  }

  set(index: number, value: number): void {
    this.values[index] = Math.min(value, COUNT_MAX);
  }

  add(index: number, value: number): void {
    this.values[index] = Math.min((this.values[index] ?? 0) + value, COUNT_MAX);
  }

  /** Room for `capacity` series; those beyond it are forgotten. */
  resize(capacity: number): void {
    const resized = new Uint32Array(capacity * this.width);
    resized.set(this.values.subarray(0, resized.length));
    this.values = resized;
  }
}

/** As FloatColumn, for whole numbers and codes; those beyond 65,535 stay there. */
export class ShortColumn {
  readonly name: string;
  readonly width: number;
  values = new Uint16Array(0);

  constructor(name: string, width: number) {
    this.name = name;
    this.width = width;
  }

  at(index: number): number {
    return this.values[index] ?? 0;
  }

  set(index: number, value: number): void {
    this.values[index] = Math.min(value, SHORT_MAX);
  }

  add(index: number, value: number): void {
    this.values[index] = Math.min((this.values[index] ?? 0) + value, SHORT_MAX);
  }

  /** Room for `capacity` series; those beyond it are forgotten. */
  resize(capacity: number): void {
    const resized = new Uint16Array(capacity * this.width);
    resized.set(this.values.subarray(0, resized.length));
    this.values = resized;
  }
}

/** As FloatColumn, for codes of 8 bits. */
export class ByteColumn {
  readonly name: string;
  readonly width: number;
  values = new Uint8Array(0);

  constructor(name: string, width: number) {
    this.name = name;
    this.width = width;
  }

  at(index: number): number {
    return this.values[index] ?? 0;
  }

  set(index: number, value: number): void {
    this.values[index] = value;
  }

  /** Room for `capacity` series; those beyond it are forgotten. */
  resize(capacity: number): void {
    const resized = new Uint8Array(capacity * this.width);
    resized.set(this.values.subarray(0, resized.length));
    this.values = resized;
  }
}

/** As FloatColumn, for step numbers (`signed`) and counters. */
export class IntColumn {
  readonly name: string;
  readonly width: number;
  readonly signed: boolean;
  values = new Int32Array(0);

  constructor(name: string, width: number, signed: boolean) {
    this.name = name;
    this.width = width;
    this.signed = signed;
  }

  at(index: number): number {
    return this.values[index] ?? 0;
  }

  set(index: number, value: number): void {
    this.values[index] = value;
  }

  /** Room for `capacity` series; those beyond it are forgotten. */
  resize(capacity: number): void {
    const resized = new Int32Array(capacity * this.width);
    resized.set(this.values.subarray(0, resized.length));
    this.values = resized;
  }
}

export type Column =
  | FloatColumn
  | SmallFloatColumn
  | IntColumn
  | CountColumn
  | ShortColumn
  | ByteColumn;
