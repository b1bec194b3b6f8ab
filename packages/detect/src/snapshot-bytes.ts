import { TracerError } from "@tracer/core";

/** An array of numbers in memory of its own, as a column or a part of one. */
type Numbers = Float64Array | Float32Array | Int32Array | Uint32Array | Uint16Array | Uint8Array;

/** No count, sum or time of ours comes near it; beyond it arithmetic would end in Infinity. */
const NUMBER_MAX = 1e30;

/** What a snapshot's bytes should have been but are not. */
export function invalidSnapshot(what: string): TracerError {
  return new TracerError("SNAPSHOT_INVALID", `The detector snapshot cannot be used: ${what}.`);
}

/** Collects numbers and parts of columns; they are copied once, by `finish`, and must not change before. */
export class SnapshotWriter {
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  floats(values: readonly number[]): void {
    this.view(Float64Array.from(values));
  }

  view(values: Numbers): void {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    this.#parts.push(bytes);
    this.#length += bytes.length;
  }

  finish(): Uint8Array {
    const all = new Uint8Array(this.#length);
    let at = 0;
    for (const part of this.#parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }
}

/** Reads what a SnapshotWriter wrote. Every method throws SNAPSHOT_INVALID rather than guess. */
export class SnapshotReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The next `count` numbers, as they are. */
  floats(count: number): Float64Array {
    this.#require(count * Float64Array.BYTES_PER_ELEMENT);
    const values = new Float64Array(count);
    this.into(values);
    return values;
  }

  /** Fills the target with the next bytes. */
  into(target: Numbers): void {
    this.#require(target.byteLength);
    const end = this.#at + target.byteLength;
    const bytes = new Uint8Array(target.buffer, target.byteOffset, target.byteLength);
    bytes.set(this.#bytes.subarray(this.#at, end));
    this.#at = end;
  }

  skip(bytes: number): void {
    this.#require(bytes);
    this.#at += bytes;
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw invalidSnapshot("it holds more than it says");
  }

  // Before anything is allocated: a size is only believed when the bytes are there.
  #require(bytes: number): void {
    if (!(bytes >= 0 && bytes <= this.#bytes.length - this.#at)) {
      throw invalidSnapshot("it is shorter than it says");
    }
  }
}

/** A whole number in [min, max], or SNAPSHOT_INVALID. */
export function wholeIn(value: number | undefined, min: number, max: number): number {
  if (value !== undefined && Number.isSafeInteger(value) && value >= min && value <= max) {
    return value;
  }
  throw invalidSnapshot(`a number is outside ${min} … ${max}`);
}

/** A number that can be calculated with, or SNAPSHOT_INVALID. */
export function soundNumber(value: number | undefined): number {
  if (value !== undefined && Math.abs(value) <= NUMBER_MAX) return value; // False for NaN.
  throw invalidSnapshot("a number is not finite");
}
