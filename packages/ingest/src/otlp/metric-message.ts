import { AnyValueReader, keyValueOf } from "./any-value.ts";
import { FIELD_WHOLE, type WireReader } from "./wire.ts";

/** What a field of a message is; `list` fields repeat. Names are those of OTLP's JSON. */
type Field = readonly [name: string, kind: Kind | MessageName, list?: "list"];
type Kind = "text" | "nanoseconds" | "double" | "count" | "signed" | "varint" | "attribute";
type MessageName = keyof typeof MESSAGES;

const NUMBER_POINT = {
  7: ["attributes", "attribute", "list"],
  2: ["startTimeUnixNano", "nanoseconds"],
  3: ["timeUnixNano", "nanoseconds"],
  4: ["asDouble", "double"],
  6: ["asInt", "signed"],
  8: ["flags", "varint"],
} as const;
const COUNTED_POINT = {
  2: ["startTimeUnixNano", "nanoseconds"],
  3: ["timeUnixNano", "nanoseconds"],
  4: ["count", "count"],
  5: ["sum", "double"],
} as const;

/** The messages of OTLP metrics, as far as Tracer reads them, by field number. */
const MESSAGES = {
  request: { 1: ["resourceMetrics", "resourceMetrics", "list"] },
  resourceMetrics: { 1: ["resource", "resource"], 2: ["scopeMetrics", "scopeMetrics", "list"] },
  resource: { 1: ["attributes", "attribute", "list"] },
  scopeMetrics: { 2: ["metrics", "metric", "list"] },
  metric: {
    1: ["name", "text"],
    3: ["unit", "text"],
    5: ["gauge", "numbers"],
    7: ["sum", "numbers"],
    9: ["histogram", "histogram"],
    10: ["exponentialHistogram", "exponential"],
    11: ["summary", "summary"],
  },
  numbers: {
    1: ["dataPoints", "numberPoint", "list"],
    2: ["aggregationTemporality", "varint"],
    3: ["isMonotonic", "varint"],
  },
  histogram: {
    1: ["dataPoints", "histogramPoint", "list"],
    2: ["aggregationTemporality", "varint"],
  },
  exponential: {
    1: ["dataPoints", "exponentialPoint", "list"],
    2: ["aggregationTemporality", "varint"],
  },
  summary: { 1: ["dataPoints", "summaryPoint", "list"] },
  numberPoint: NUMBER_POINT,
  histogramPoint: {
    ...COUNTED_POINT,
    9: ["attributes", "attribute", "list"],
    10: ["flags", "varint"],
  },
  exponentialPoint: {
    ...COUNTED_POINT,
    1: ["attributes", "attribute", "list"],
    10: ["flags", "varint"],
  },
  summaryPoint: {
    ...COUNTED_POINT,
    7: ["attributes", "attribute", "list"],
    8: ["flags", "varint"],
  },
} as const;

const FIELDS: ReadonlyMap<string, ReadonlyMap<number, Field>> = new Map(
  Object.entries(MESSAGES).map(([name, fields]) => [
    name,
    new Map(
      Object.entries(fields).map(([number, field]): [number, Field] => [Number(number), field]),
    ),
  ]),
);
const WIRE_TYPES: Readonly<Record<Kind, number>> = {
  ...{ text: 2, nanoseconds: 1, double: 1, count: 1, signed: 1, varint: 0, attribute: 2 },
};

/**
 * Reads an ExportMetricsServiceRequest in protobuf into the shape that `JSON.parse` gives of OTLP's JSON; attributes
 * become plain. What is not known is passed over. Null: it is broken.
 */
export function readMetricsMessage(wire: WireReader): Record<string, unknown> | null {
  return readMessage(wire, "request", 0, wire.bytes.length);
}

function readMessage(
  wire: WireReader,
  message: string,
  start: number,
  end: number,
): Record<string, unknown> | null {
  const fields = FIELDS.get(message);
  const found: Record<string, unknown> = {};
  const lists = new Map<string, unknown[]>();
  for (let at = start; at < end; ) {
    if (wire.field(at, end) !== FIELD_WHOLE) return null;
    const { tag, start: from, end: to } = wire;
    at = to;
    const field = fields?.get(tag >>> 3);
    if (field === undefined) continue;
    const [name, kind, list] = field;
    const isMessage = FIELDS.has(kind);
    if ((tag & 7) !== (isMessage ? 2 : WIRE_TYPES[kindOf(kind)])) continue;
    const value = isMessage
      ? readMessage(wire, kind, from, to)
      : readScalar(wire, kindOf(kind), from, to);
    if (value === null) return null;
    if (list !== "list") {
      found[name] = value;
      continue;
    }
    const known = lists.get(name) ?? [];
    known.push(value);
    lists.set(name, known);
    found[name] = known;
  }
  return found;
}

function kindOf(kind: Kind | MessageName): Kind {
  return kind in WIRE_TYPES && isKind(kind) ? kind : "varint";
}

function isKind(kind: string): kind is Kind {
  return Object.hasOwn(WIRE_TYPES, kind);
}

function readScalar(wire: WireReader, kind: Kind, start: number, end: number): unknown {
  const { bytes } = wire;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  switch (kind) {
    case "text":
      return Buffer.from(bytes.subarray(start, end)).toString("utf8");
    case "nanoseconds":
    case "count":
      return String(view.getBigUint64(start, true));
    case "signed":
      return String(view.getBigInt64(start, true));
    case "double":
      return view.getFloat64(start, true);
    case "varint":
      wire.varint(start, end);
      return wire.low;
    case "attribute": {
      const pair = keyValueOf(wire, start, end);
      if (pair === null) return null;
      const key = Buffer.from(bytes.subarray(pair.keyStart, pair.keyEnd)).toString("utf8");
      const reader = new AnyValueReader(wire);
      return {
        key,
        value: reader.read(pair.valueStart, pair.valueEnd) ? plainOrNull(reader.plain()) : null,
      };
    }
    default:
      return kind satisfies never;
  }
}

/** Maps are of no use as an attribute of a metric, and would be taken for an AnyValue. */
function plainOrNull(plain: unknown): unknown {
  return typeof plain === "object" ? null : plain;
}
