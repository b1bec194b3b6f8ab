import type { DecodeFatal } from "../decoder.ts";
import { cleanName } from "../names.ts";
import { isJsonBody } from "./logs.ts";
import { readMetricsMessage } from "./metric-message.ts";
import { listOf, memberOf, plainAttributes, shownText } from "./plain.ts";
import { WireReader } from "./wire.ts";

/** Bytes of a metric's name with its attributes; a longer one is clipped with a hash. */
const ATTRIBUTES_MAX = 8;
/** A point with a time further from receipt than this counts at receipt. */
const FUTURE_MS_MAX = 300_000;

/** One number of one metric, as it was sent. */
export interface MetricPoint {
  readonly service: string;
  readonly environment: string;
  /** The metric's name, and its attributes in braces: `queue.depth{queue=mail}`. At most 200 bytes. */
  readonly name: string;
  /** `value`: it stands for itself. `total`: since `startMs`, to be compared with the one before. `delta`: since `startMs`. */
  readonly kind: "value" | "total" | "delta";
  readonly value: number;
  /** How many values it is the sum of, with the same `kind`; null: it is no such sum. */
  readonly count: number | null;
  /** 0: not given. */
  readonly startMs: number;
  readonly timeMs: number;
}

export interface MetricsDecoded {
  readonly points: readonly MetricPoint[];
  /** Points that have no number that can be used, such as NaN or no value at all. */
  readonly rejected: number;
  readonly fatal: DecodeFatal | null;
}

export interface MetricsContext {
  /** Service of resources that name none. */
  readonly defaultService: string;
  /** ms since the epoch. */
  readonly receiptMs: number;
}

/**
 * Decodes the body of OTLP/HTTP `POST /v1/metrics`, protobuf or JSON, told by its first bytes: gauges, sums,
 * histograms of both kinds and summaries (their sum and count).
 */
export function decodeOtlpMetrics(bytes: Uint8Array, context: MetricsContext): MetricsDecoded {
  const request = isJsonBody(bytes) ? parsed(bytes) : readMetricsMessage(new WireReader(bytes));
  if (request === null) {
    const message = "Not OTLP metrics, neither in protobuf nor in JSON.";
    return { points: [], rejected: 0, fatal: { code: "BODY_NOT_LOGS", message, offset: 0 } };
  }
  const points: MetricPoint[] = [];
  let rejected = 0;
  for (const resourceMetrics of listOf(request, "resourceMetrics")) {
    const names = namesOf(memberOf(resourceMetrics, "resource"), context);
    for (const scopeMetrics of listOf(resourceMetrics, "scopeMetrics")) {
      for (const metric of listOf(scopeMetrics, "metrics")) {
        rejected += readMetric(metric, names, context.receiptMs, points);
      }
    }
  }
  return { points, rejected, fatal: null };
}

function parsed(bytes: Uint8Array): unknown {
  try {
    const value: unknown = JSON.parse(
      Buffer.from(bytes)
        .toString("utf8")
        .replace(/^\uFEFF/u, ""),
    );
    return typeof value === "object" && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

interface Names {
  readonly service: string;
  readonly environment: string;
}

function namesOf(resource: unknown, { defaultService }: MetricsContext): Names {
  const attributes = new Map(plainAttributes(resource));
  const first = (...keys: string[]) =>
    keys.map((key) => shownText(attributes.get(key))).find((name) => name.trim() !== "");
  return {
    service: cleanName(
      first("service.name", "k8s.deployment.name", "container.name") ?? defaultService,
    ),
    environment: cleanName(first("deployment.environment.name", "deployment.environment") ?? ""),
  };
}

const DATA = ["gauge", "sum", "histogram", "exponentialHistogram", "summary"] as const;

/** Adds the points of a metric; how many had no number. */
function readMetric(metric: unknown, names: Names, receiptMs: number, into: MetricPoint[]): number {
  const title = memberOf(metric, "name");
  let rejected = 0;
  for (const shape of DATA) {
    const data = memberOf(metric, shape);
    for (const point of listOf(data, "dataPoints")) {
      const value = numberOf(point, shape);
      if (typeof title !== "string" || title === "" || value === null) {
        rejected += 1;
        continue;
      }
      const timeMs = epochMsOf(memberOf(point, "timeUnixNano"));
      into.push({
        ...{ ...names, ...value },
        name: cleanName(title + attributesText(point)),
        kind: shape === "gauge" ? "value" : kindOf(data, shape),
        startMs: epochMsOf(memberOf(point, "startTimeUnixNano")),
        timeMs: timeMs > 0 && timeMs <= receiptMs + FUTURE_MS_MAX ? timeMs : receiptMs,
      });
    }
  }
  return rejected;
}

function numberOf(
  point: unknown,
  shape: (typeof DATA)[number],
): { value: number; count: number | null } | null {
  if (Number(memberOf(point, "flags") ?? 0) % 2 === 1) return null; // No recorded value.
  if (shape === "gauge" || shape === "sum") {
    const value = Number(memberOf(point, "asDouble") ?? memberOf(point, "asInt") ?? Number.NaN);
    return Number.isFinite(value) ? { value, count: null } : null;
  }
  const value = Number(memberOf(point, "sum") ?? 0);
  const count = Number(memberOf(point, "count") ?? 0);
  return Number.isFinite(value) && count >= 0 && Number.isFinite(count) ? { value, count } : null;
}

function kindOf(data: unknown, shape: (typeof DATA)[number]): MetricPoint["kind"] {
  if (shape === "summary") return "total";
  const temporality = String(memberOf(data, "aggregationTemporality") ?? "");
  if (temporality === "1" || temporality === "AGGREGATION_TEMPORALITY_DELTA") return "delta";
  const isMonotonic = shape !== "sum" || Boolean(memberOf(data, "isMonotonic"));
  return isMonotonic ? "total" : "value"; // A total that also falls is a level, such as a queue's length.
}

/** Sorted, so that the order in which they are sent does not matter. */
function attributesText(point: unknown): string {
  const pairs = plainAttributes(point)
    .map(([key, value]) => `${key}=${shownText(value)}`)
    .sort()
    .slice(0, ATTRIBUTES_MAX);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function epochMsOf(nanoseconds: unknown): number {
  const text = String(nanoseconds ?? "");
  return /^\d{1,20}$/u.test(text) ? Number(BigInt(text) / 1_000_000n) : 0;
}
