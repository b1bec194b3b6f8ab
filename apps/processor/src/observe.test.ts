import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createObserve, type Observe } from "./observe.ts";

const ROOT = new URL("../../../", import.meta.url);

let observe: Observe;
let names: Set<string>;
let text = "";
beforeAll(async () => {
  observe = createObserve("silent", { write: () => {} });
  const none = () => 0;
  observe.watch({
    ...{ series: none, seriesMax: none, otherRecords: none, inFlightBytes: none, peers: none },
    drops: () => "on_all",
  });
  text = await observe.metrics();
  names = new Set([...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name = ""]) => name));
});
afterAll(() => observe.close());

/** Names of metrics that a file speaks of, without what a histogram adds. */
function metricsOf(path: string): string[] {
  const found = readFileSync(new URL(path, ROOT), "utf8").match(/\btracer_[a-z_]+\b/g) ?? [];
  return [...new Set(found)].map((name) => name.replace(/_(bucket|count|sum)$/, ""));
}

test("the names that the contract promises are there, and alert latency is a histogram", () => {
  const promised = [
    ...["tracer_records_total", "tracer_signals_total", "tracer_reservations_total"],
    ...["tracer_deliveries_total", "tracer_alert_latency_seconds", "tracer_series"],
    "tracer_eventloop_lag_seconds",
  ];
  expect(promised.filter((name) => !names.has(name))).toEqual([]);
  expect(text).toContain("# TYPE tracer_alert_latency_seconds histogram");
});

test("names are in base units, and counters end in _total", () => {
  const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)];
  expect(types.length).toBeGreaterThan(20);
  for (const [, name = "", type = ""] of types) {
    expect([name, name.startsWith("tracer_"), name.endsWith("_total")]).toEqual([
      name,
      true,
      type === "counter",
    ]);
    expect(name).not.toMatch(/_(ms|milliseconds|minutes|kb|mb)(_|$)/);
  }
});

test("the dashboard and the rules speak of metrics that exist", () => {
  for (const path of ["docs/grafana/tracer.json", "docs/prometheus/tracer.rules.yml"]) {
    const used = metricsOf(path);
    expect([path, used.length > 8]).toEqual([path, true]);
    expect([path, used.filter((name) => !names.has(name))]).toEqual([path, []]);
  }
});
