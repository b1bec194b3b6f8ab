import { describe, expect, test } from "vitest";
import { Collector } from "./collector.ts";
import { reportOf } from "./report.ts";

const START_MS = Date.UTC(2026, 0, 5);
const MINUTE_MS = 60_000;

/** Two hours of 60 records a minute, of which `errorsAt(minute)` are errors. */
function run(errorsAt: (minute: number) => number, copiesAt = (_minute: number) => 1) {
  const collector = new Collector({ seriesMax: 10, latenessSeconds: 10 });
  const lines: string[] = [];
  for (let minute = 0; minute < 120; minute += 1) {
    for (let second = 0; second < 60; second += 1) {
      // Spread over the minute, as a fault is.
      const failed = (second * errorsAt(minute)) % 60 < errorsAt(minute);
      const ts = START_MS + minute * MINUTE_MS + second * 1_000;
      const line = JSON.stringify({ ts, service: "api", level: failed ? "error" : "info" });
      for (let copy = 0; copy < copiesAt(minute); copy += 1) lines.push(line);
    }
  }
  collector.run.read(Buffer.from(`${lines.join("\n")}\n`));
  collector.run.end();
  const nothing = { bytes: 0, problems: [], warnings: 0, warningProblems: [], overlong: 0 };
  return reportOf({ collector, ...nothing }).report;
}

describe("what was held back", () => {
  test("steady traffic has nothing to tell but when it was learned", () => {
    const [service] = run((minute) => (minute % 2 === 0 ? 1 : 0)).services;
    expect(service).toMatchObject({ alerts: [], heldBack: [] });
    const learnedMs = Date.parse(service?.learnedAt ?? "") - START_MS;
    expect(learnedMs).toBeGreaterThan(0);
    expect(learnedMs).toBeLessThanOrEqual(30 * MINUTE_MS);
  });

  test("a blip is the closest call, with its evidence and how much it was short of", () => {
    const [service] = run((minute) => (minute === 90 ? 6 : minute % 2)).services;
    expect(service?.alerts).toEqual([]);
    const [call, ...others] = service?.heldBack ?? [];
    expect([call, others]).toMatchObject([{ reason: "short_of_bar", kind: "error" }, []]);
    expect(call?.evidence).toBeGreaterThanOrEqual(0.5 * (call?.bar ?? 0));
    expect(call?.evidence).toBeLessThan(call?.bar ?? 0);
    const atMs = Date.parse(call?.at ?? "") - START_MS;
    expect(Math.abs(atMs - 91 * MINUTE_MS)).toBeLessThanOrEqual(3 * MINUTE_MS);
  });

  test("a surge of two minutes passes its bar, and is held as a deploy may be", () => {
    const surge = (minute: number) => (minute === 90 || minute === 91 ? 5 : 1);
    const [service] = run(() => 0, surge).services;
    expect(service?.alerts).toEqual([]);
    expect(service?.heldBack).toMatchObject([{ reason: "hold", kind: "volume", part: "surge" }]);
  });

  test("what became an alert was not held back", () => {
    const [service] = run((minute) => (minute >= 90 && minute < 100 ? 30 : minute % 2)).services;
    expect(service?.alerts).toMatchObject([{ kind: "error", durationSeconds: expect.any(Number) }]);
    expect(service?.heldBack).toEqual([]);
  });
});
