import { textOf } from "../text.ts";
import { SHOWN_DEPTH_MAX } from "./plain.ts";
import { FIELD_WHOLE, type WireReader } from "./wire.ts";

/** Wire tags of the members of AnyValue: which of them is set. */
export const AnyTag = {
  string: 0x0a,
  boolean: 0x10,
  integer: 0x18,
  double: 0x21,
  array: 0x2a,
  map: 0x32,
  bytes: 0x3a,
} as const;

/** An AnyValue of OTLP in protobuf: which kind it is and where it lies. Reads in place. */
export class AnyValueReader {
  /** One of `AnyTag`; 0: none is set. */
  kind = 0;
  start = 0;
  end = 0;
  readonly #wire: WireReader;
  readonly #view: DataView;

  constructor(wire: WireReader) {
    this.#wire = wire;
    const { bytes } = wire;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** Reads the AnyValue in [start, end): the member that is set last. False when it is broken. */
  read(start: number, end: number): boolean {
    const bytes = this.#wire.bytes;
    const length = bytes[start + 1] ?? 0;
    if (bytes[start] === AnyTag.string && length < 0x80 && start + 2 + length === end) {
      this.kind = AnyTag.string;
      this.start = start + 2;
      this.end = end;
      return true;
    }
    if (bytes[start] === AnyTag.double && start + 9 === end) {
      this.kind = AnyTag.double;
      this.start = start + 1;
      this.end = end;
      return true;
    }
    return this.#readAny(start, end);
  }

  #readAny(start: number, end: number): boolean {
    const wire = this.#wire;
    this.kind = 0;
    for (let at = start; at < end; at = wire.end) {
      if (wire.field(at, end) !== FIELD_WHOLE) return false;
      if (!isMember(wire.tag)) continue;
      this.kind = wire.tag;
      this.start = wire.start;
      this.end = wire.end;
    }
    return true;
  }

  /** The number that the value last read is, as itself or as text; NaN when it is none. */
  number(parse: (bytes: Uint8Array, start: number, end: number) => number): number {
    if (this.kind === AnyTag.double) return this.#view.getFloat64(this.start, true);
    if (this.kind === AnyTag.integer) return Number(this.#integer(this.start, this.end));
    if (this.kind === AnyTag.string) return parse(this.#wire.bytes, this.start, this.end);
    return Number.NaN;
  }

  /** The value last read as plain JSON: what `JSON.stringify` can write. */
  plain(depth = 0): unknown {
    const { kind, start, end } = this;
    const bytes = this.#wire.bytes;
    switch (kind) {
      case AnyTag.string:
      case AnyTag.bytes:
        return textOf(bytes, start, end);
      case AnyTag.boolean:
        return this.#integer(start, end) !== 0n;
      case AnyTag.integer: {
        const value = this.#integer(start, end);
        const number = Number(value);
        return Number.isSafeInteger(number) ? number : String(value);
      }
      case AnyTag.double: {
        const value = this.#view.getFloat64(start, true);
        return Number.isFinite(value) ? value : String(value);
      }
      case AnyTag.array:
        return depth >= SHOWN_DEPTH_MAX ? "…" : this.#array(start, end, depth);
      case AnyTag.map:
        return depth >= SHOWN_DEPTH_MAX ? "…" : this.#map(start, end, depth);
      default:
        return null;
    }
  }

  #array(start: number, end: number, depth: number): unknown[] {
    const wire = this.#wire;
    const values: unknown[] = [];
    for (let at = start; at < end; ) {
      if (wire.field(at, end) !== FIELD_WHOLE) break;
      const { tag, start: from, end: to } = wire;
      if (tag === 0x0a) values.push(this.read(from, to) ? this.plain(depth + 1) : null);
      at = to;
    }
    return values;
  }

  #map(start: number, end: number, depth: number): Record<string, unknown> {
    const wire = this.#wire;
    const members: [string, unknown][] = [];
    for (let at = start; at < end; ) {
      if (wire.field(at, end) !== FIELD_WHOLE) break;
      const { tag, start: from, end: to } = wire;
      if (tag === 0x0a) {
        const pair = keyValueOf(wire, from, to);
        if (pair !== null) {
          const { keyStart, keyEnd, valueStart, valueEnd } = pair;
          const value = this.read(valueStart, valueEnd) ? this.plain(depth + 1) : null;
          members.push([textOf(wire.bytes, keyStart, keyEnd), value]);
        }
      }
      at = to;
    }
    return Object.fromEntries(members);
  }

  #integer(start: number, end: number): bigint {
    const wire = this.#wire;
    wire.varint(start, end);
    return BigInt.asIntN(64, (BigInt(wire.high) << 32n) | BigInt(wire.low));
  }
}

interface KeyValueRange {
  readonly keyStart: number;
  readonly keyEnd: number;
  readonly valueStart: number;
  readonly valueEnd: number;
}

/** Where key and value of the KeyValue in [start, end) lie, empty when it has none; null when it is broken. */
export function keyValueOf(wire: WireReader, start: number, end: number): KeyValueRange | null {
  let keyStart = start;
  let keyEnd = start;
  let valueStart = start;
  let valueEnd = start;
  for (let at = start; at < end; at = wire.end) {
    if (wire.field(at, end) !== FIELD_WHOLE) return null;
    if (wire.tag === 0x0a) {
      keyStart = wire.start;
      keyEnd = wire.end;
    } else if (wire.tag === 0x12) {
      valueStart = wire.start;
      valueEnd = wire.end;
    }
  }
  return { keyStart, keyEnd, valueStart, valueEnd };
}

function isMember(tag: number): boolean {
  return (
    tag === AnyTag.string ||
    tag === AnyTag.boolean ||
    tag === AnyTag.integer ||
    tag === AnyTag.double ||
    tag === AnyTag.array ||
    tag === AnyTag.map ||
    tag === AnyTag.bytes
  );
}
