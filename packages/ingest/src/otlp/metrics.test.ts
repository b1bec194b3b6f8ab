import protobuf from "protobufjs";
import { expect, test } from "vitest";
import { MetricRates, TOTALS_MAX } from "./metric-rates.ts";
import { decodeOtlpMetrics, type MetricPoint } from "./metrics.ts";

const RECEIPT_MS = Date.parse("2026-06-01T12:00:00Z");
const field = (type: string, id: number) => ({ type, id });
const list = (type: string, id: number) => ({ rule: "repeated", type, id });
const times = { startTimeUnixNano: field("fixed64", 2), timeUnixNano: field("fixed64", 3) };
const counted = { ...times, count: field("fixed64", 4), sum: field("double", 5) };
const root = protobuf.Root.fromJSON({
  nested: {
    AnyValue: {
      oneofs: { value: { oneof: ["stringValue", "intValue"] } },
      fields: { stringValue: field("string", 1), intValue: field("int64", 3) },
    },
    KeyValue: { fields: { key: field("string", 1), value: field("AnyValue", 2) } },
    Resource: { fields: { attributes: list("KeyValue", 1) } },
    NumberPoint: {
      oneofs: { value: { oneof: ["asDouble", "asInt"] } },
      fields: {
        ...{ ...times, asDouble: field("double", 4), asInt: field("sfixed64", 6) },
        ...{ attributes: list("KeyValue", 7), flags: field("uint32", 8) },
      },
    },
    HistogramPoint: {
      fields: { ...counted, attributes: list("KeyValue", 9), explicitBounds: list("double", 7) },
    },
    Gauge: { fields: { dataPoints: list("NumberPoint", 1) } },
    Sum: {
      fields: {
        dataPoints: list("NumberPoint", 1),
        aggregationTemporality: field("int32", 2),
        isMonotonic: field("bool", 3),
      },
    },
    Histogram: {
      fields: { dataPoints: list("HistogramPoint", 1), aggregationTemporality: field("int32", 2) },
    },
    Metric: {
      fields: {
        ...{ name: field("string", 1), unit: field("string", 3), gauge: field("Gauge", 5) },
        ...{ sum: field("Sum", 7), histogram: field("Histogram", 9) },
      },
    },
    ScopeMetrics: { fields: { metrics: list("Metric", 2) } },
    ResourceMetrics: {
      fields: { resource: field("Resource", 1), scopeMetrics: list("ScopeMetrics", 2) },
    },
    Request: { fields: { resourceMetrics: list("ResourceMetrics", 1) } },
  },
});

/** The points of these metrics, from protobuf and from JSON, which must agree. */
function pointsOf(metrics: readonly object[]) {
  const attributes = [{ key: "service.name", value: { stringValue: "shop" } }];
  const request = { resourceMetrics: [{ resource: { attributes }, scopeMetrics: [{ metrics }] }] };
  const type = root.lookupType("Request");
  const context = { defaultService: "unknown", receiptMs: RECEIPT_MS };
  const fromProtobuf = decodeOtlpMetrics(type.encode(type.fromObject(request)).finish(), context);
  const fromJson = decodeOtlpMetrics(Buffer.from(JSON.stringify(request)), context);
  expect(fromJson).toEqual(fromProtobuf);
  return fromProtobuf;
}

const nanoseconds = (timeMs: number) => `${timeMs}000000`;
const at = (agoMs: number) => ({
  startTimeUnixNano: nanoseconds(RECEIPT_MS - 600_000),
  timeUnixNano: nanoseconds(RECEIPT_MS - agoMs),
});

test("gauges, sums and histograms of both temporalities, with sorted attributes", () => {
  const attributes = [
    { key: "queue", value: { stringValue: "mail" } },
    { key: "node", value: { intValue: 3 } },
  ];
  const sum = (aggregationTemporality: number, isMonotonic: boolean) => ({
    dataPoints: [{ ...at(0), asInt: "-7" }],
    ...{ aggregationTemporality, isMonotonic },
  });
  const histogram = {
    dataPoints: [{ ...at(0), count: "4", sum: 10.5 }],
    aggregationTemporality: 2,
  };
  const { points, rejected } = pointsOf([
    { name: "depth", gauge: { dataPoints: [{ ...at(1_000), asDouble: 1.5, attributes }] } },
    { name: "total", sum: sum(2, true) },
    { name: "delta", sum: sum(1, true) },
    { name: "level", sum: sum(2, false) },
    { name: "seconds", histogram },
    { name: "none", gauge: { dataPoints: [{ ...at(0) }, { ...at(0), asDouble: 1, flags: 1 }] } },
  ]);
  expect(rejected).toBe(2);
  const names = points.map(({ name, kind, value, count }) => [name, kind, value, count]);
  expect(names).toEqual([
    ["depth{node=3,queue=mail}", "value", 1.5, null],
    ["total", "total", -7, null],
    ["delta", "delta", -7, null],
    ["level", "value", -7, null],
    ["seconds", "total", 10.5, 4],
  ]);
  expect(points[0]).toMatchObject({ service: "shop", timeMs: RECEIPT_MS - 1_000 });
});

const POINT: MetricPoint = {
  ...{ service: "shop", environment: "", name: "x", kind: "total", value: 0, count: null },
  ...{ startMs: RECEIPT_MS, timeMs: RECEIPT_MS },
};

test("totals become rates; one that begins anew counts from its beginning; one sent twice counts once", () => {
  const rates = new MetricRates();
  const total = (seconds: number, value: number, startSeconds = 0) =>
    rates.valuesOf(
      {
        ...{ ...POINT, value, startMs: RECEIPT_MS + startSeconds * 1_000 },
        timeMs: RECEIPT_MS + seconds * 1_000,
      },
      "",
    );
  expect(total(10, 100)).toEqual([]);
  expect(total(20, 150)).toEqual([{ name: "x per second", value: 5 }]);
  expect(total(20, 150)).toEqual([]);
  expect(total(40, 30, 30)).toEqual([{ name: "x per second", value: 3 }]);
});

test("a histogram becomes its mean and its rate; a delta needs nothing before it", () => {
  const rates = new MetricRates();
  const point = { ...POINT, name: "s", value: 10, count: 4, timeMs: RECEIPT_MS + 10_000 };
  const expected = [
    { name: "s mean", value: 2.5 },
    { name: "s count per second", value: 0.4 },
  ];
  expect(rates.valuesOf({ ...point, kind: "delta" }, "")).toEqual(expected);
  expect(rates.valuesOf(point, "")).toEqual([]);
  const later = { ...point, value: 20, count: 8, timeMs: RECEIPT_MS + 20_000 };
  expect(rates.valuesOf(later, "")).toEqual(expected);
});

test("TOTALS_MAX totals are remembered, the longest unseen gives way", () => {
  const isKnownAfter = (others: number) => {
    const rates = new MetricRates();
    rates.valuesOf({ ...POINT, name: "first" }, "");
    for (let each = 0; each < others; each += 1) rates.valuesOf({ ...POINT, name: `${each}` }, "");
    const timeMs = RECEIPT_MS + 1_000;
    return rates.valuesOf({ ...POINT, name: "first", value: 1, timeMs }, "").length > 0;
  };
  expect(isKnownAfter(TOTALS_MAX - 1)).toBe(true);
  expect(isKnownAfter(TOTALS_MAX)).toBe(false);
});

test("what is neither protobuf nor JSON is refused, and an empty export is fine", () => {
  const decode = (body: string | Uint8Array) =>
    decodeOtlpMetrics(typeof body === "string" ? Buffer.from(body) : body, {
      ...{ defaultService: "unknown", receiptMs: RECEIPT_MS },
    });
  for (const body of ["hello", "[1]", '{"resourceMetrics":', Uint8Array.from([0x0a, 0x7f, 0x12])]) {
    expect(decode(body).fatal).not.toBeNull();
  }
  for (const body of ["", "{}"]) expect(decode(body)).toMatchObject({ points: [], fatal: null });
});
