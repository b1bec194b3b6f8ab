import { STEP_MS } from "@tracer/core";
import { describe, expect, test } from "vitest";
import {
  BUCKET_STEPS,
  closeBucket,
  closedBucket,
  closedLatency,
  fillBucket,
  missBuckets,
  recentLatencies,
} from "./buckets.ts";
import { Feed, MONDAY_MS, notFinite, seeded } from "./feed.test-helper.ts";
import { noCounts, type StepCounts } from "./open-steps.ts";
import { RULES } from "./options.ts";
import { LATENCY_BUCKETS, RING_BUCKETS, SeriesColumns } from "./series-columns.ts";

function emptyColumns(): SeriesColumns {
  const columns = new SeriesColumns();
  columns.reserve(1);
  return columns;
}

/** Closes a whole minute that holds these counts. */
function closeMinute(columns: SeriesColumns, bucket: number, counts: Partial<StepCounts>): void {
  fillBucket(columns, 0, { ...noCounts(), ...counts });
  for (let step = 1; step < BUCKET_STEPS; step += 1) fillBucket(columns, 0, noCounts());
  closeBucket(columns, 0, bucket);
}

describe("the ring of minutes", () => {
  test("up to 65,534 records a minute, and 2,047 errors: exact", () => {
    const columns = emptyColumns();
    const counts = [0, 1, 2_046, 2_047, 2_048, 65_533, 65_534];
    counts.forEach((records, at) => {
      closeMinute(columns, at, { records, errors: Math.min(records, 2_047) });
    });
    counts.forEach((records, at) => {
      const expected = { records, errors: Math.min(records, 2_047) };
      expect(closedBucket(columns, 0, counts.length, counts.length - at)).toEqual(expected);
    });
  });

  test.each([65_535, 65_536, 131_068, 131_071, 1e6, 123_456_789, 2 ** 32 - 1])(
    "%s records a minute: within 0.01 %%, and errors within 0.05 %%",
    (records) => {
      const columns = emptyColumns();
      const errors = Math.round(records * 0.3);
      closeMinute(columns, 0, { records, errors });
      const bucket = closedBucket(columns, 0, 1, 1);
      expect(Math.abs((bucket?.records ?? 0) / records - 1)).toBeLessThan(1e-4);
      expect(Math.abs((bucket?.errors ?? 0) / errors - 1)).toBeLessThan(5e-4);
    },
  );

  test.each([1, 2, 3])(
    "counts that grow past the unit of the ring, in any order (seed %s)",
    (seed) => {
      const random = seeded(seed);
      const columns = emptyColumns();
      const minutes = Array.from({ length: 3 * RING_BUCKETS }, () => {
        const records = Math.round(10 ** (random() * 8));
        return { records, errors: Math.round(records * random()) };
      });
      let most = 0;
      minutes.forEach((minute, at) => {
        closeMinute(columns, at, minute);
        most = Math.max(most, minute.records);
        const unit = 2 ** Math.max(0, Math.ceil(Math.log2(most / 65_534)));
        for (let back = 1; back <= Math.min(at + 1, RING_BUCKETS); back += 1) {
          const known = closedBucket(columns, 0, at + 1, back);
          const model = minutes[at + 1 - back] ?? { records: 0, errors: 0 };
          // A minute of few in a ring that met very many is known to a unit or two of those.
          const apart = Math.abs((known?.records ?? -1) - model.records);
          expect(apart).toBeLessThanOrEqual(
            Math.max(model.records * 1e-4, unit > 1 ? 2 * unit : 0),
          );
          expect(known?.errors).toBeLessThanOrEqual(known?.records ?? -1);
          const errorsApart = Math.abs((known?.errors ?? -1) - model.errors);
          expect(errorsApart).toBeLessThanOrEqual(model.errors * 5e-4 + (unit > 1 ? 2 * unit : 0));
        }
      });
      expect(most).toBeGreaterThan(1e7);
    },
  );

  test.each([65_537, 100_001, 100_002, 131_073, 9_999_999])(
    "%s records a minute, all of them errors: no more errors than records",
    (records) => {
      const columns = emptyColumns();
      closeMinute(columns, 0, { records, errors: records });
      const bucket = closedBucket(columns, 0, 1, 1);
      expect(bucket?.errors).toBeLessThanOrEqual(bucket?.records ?? 0);
    },
  );

  test("a service that fails wholly at 100,002 a minute, by every rule: numbers stay finite", () => {
    const feed = new Feed({ rules: RULES });
    for (let step = 0; step < 1_000; step += 1) {
      const records = 16_667;
      const errors = step < 800 || step > 900 ? records : 0.5 * records;
      const atMs = MONDAY_MS + step * STEP_MS;
      feed.post(feed.step(atMs, { records, errors: Math.round(errors) }), atMs);
    }
    expect(feed.said("opened")).toContain("error");
    expect(notFinite([feed.transitions, feed.detector.explain(0)])).toEqual([]);
    for (const { errors, records } of feed.detector.bucketsOf(0, 60)) {
      expect(errors).toBeLessThanOrEqual(records);
    }
  });

  test("a minute of which a step is missing is unknown, and so are those that are missed at once", () => {
    const columns = emptyColumns();
    closeMinute(columns, 0, { records: 5, latencyCount: 1, latencyLogSum: 3 });
    fillBucket(columns, 0, { ...noCounts(), records: 7, latencyCount: 1, latencyLogSum: 3 });
    closeBucket(columns, 0, 1);
    expect(closedBucket(columns, 0, 2, 1)).toBeNull();
    expect(closedLatency(columns, 0, 2, 1)).toBeNull();
    expect(closedBucket(columns, 0, 2, 2)).toEqual({ records: 5, errors: 0 });
    missBuckets(columns, 0, 2 * BUCKET_STEPS, 70 * BUCKET_STEPS);
    for (let back = 1; back <= RING_BUCKETS; back += 1) {
      expect(closedBucket(columns, 0, 70, back)).toBeNull();
    }
    expect(recentLatencies(columns, 0, 70, 0)).toEqual([]);
  });
});

describe("the ring of latencies", () => {
  test.each([0.001, 0.01, 1, 50, 1_000, 86_400_000, 604_800_000])("%s ms: within 0.03 %%", (ms) => {
    const columns = emptyColumns();
    closeMinute(columns, 0, { records: 3, latencyCount: 3, latencyLogSum: 3 * Math.log(ms) });
    const mean = Math.exp(closedLatency(columns, 0, 1, 1) ?? 0);
    expect(Math.abs(mean / ms - 1)).toBeLessThan(3e-4);
  });

  test("a minute without a latency has none, and the oldest of the half hour is forgotten", () => {
    const columns = emptyColumns();
    for (let at = 0; at <= LATENCY_BUCKETS; at += 1) {
      const latencyLogSum = at / 10;
      closeMinute(columns, at, at === 7 ? {} : { records: 1, latencyCount: 1, latencyLogSum });
    }
    const known = recentLatencies(columns, 0, LATENCY_BUCKETS + 1, 0);
    expect(known).toHaveLength(LATENCY_BUCKETS - 1);
    expect(known[0]).toBeCloseTo(LATENCY_BUCKETS / 10, 3);
    expect(known.at(-1)).toBeCloseTo(0.1, 3);
    expect(closedLatency(columns, 0, LATENCY_BUCKETS + 1, LATENCY_BUCKETS + 1)).toBeNull();
    expect(closedLatency(columns, 0, LATENCY_BUCKETS + 1, LATENCY_BUCKETS - 6)).toBeNull();
    expect(recentLatencies(columns, 0, LATENCY_BUCKETS + 1, 3)).toEqual(known.slice(3));
  });
});
