import { STEP_MS } from "@tracer/core";
import { describe, expect, test } from "vitest";
import { figuresOf, quantile } from "./figures.ts";
import { START_MS, type Stream } from "./generator.ts";
import { GOALS, type Goal, markOf } from "./goals.ts";
import { DAY_STEPS } from "./habits.ts";
import { Random } from "./random.ts";
import type { Alert } from "./replay.ts";
import { judge, type Role } from "./scorer.ts";
import { drawService } from "./service.ts";

const DAYS = { warmUpDays: 7, days: 9 };
const FROM = 8 * DAY_STEPS;
const END = FROM + 60;

/** A service with one incident of errors, 600 s long, at midnight of day 8. */
function streamOf(nats = 40): Stream {
  const incident = {
    fault: "error_step",
    kind: "error",
    from: FROM,
    end: END,
    errorShare: 0.5,
    rampSteps: 0,
    rateFactor: 1,
    latencyFactor: 1,
    nats,
    limitSeconds: 20,
  } as const;
  const plan = { tier: "mid", structure: "plain", days: 9, holidayDay: null } as const;
  return {
    name: "scorer",
    service: drawService(new Random("scorer"), plan),
    records: new Uint32Array(0), // Only incidents and habits are looked at.
    errors: new Uint32Array(0),
    logLatency: new Float32Array(0),
    habits: new Uint16Array(0),
    incidents: [incident],
  };
}

const START = START_MS + FROM * STEP_MS;
const OVER = START_MS + END * STEP_MS;

function alert(
  atMs: number,
  kind: Alert["kind"] = "error",
  state: Alert["state"] = "opened",
): Alert {
  return { stream: 0, kind, part: "", state, atMs, sentence: "" };
}

function rolesOf(...alerts: Alert[]): Role[] {
  return judge([streamOf()], alerts, DAYS).alerts.map(({ role }) => role);
}

describe("scorer", () => {
  test.each<[string, Alert, Role[]]>([
    ["at the start", alert(START), ["found"]],
    ["one step before it", alert(START - STEP_MS), ["false"]],
    ["five minutes after the end", alert(OVER + 300_000), ["found"]],
    ["a step later", alert(OVER + 310_000), ["aftermath"]],
    ["fifteen minutes after the end", alert(OVER + 900_000), ["aftermath"]],
    ["a step later still", alert(OVER + 910_000), ["false"]],
    ["another kind, during it", alert(OVER, "volume"), ["wrong_kind"]],
    ["another kind, after it", alert(OVER + STEP_MS, "volume"), ["aftermath"]],
    ["the first day", alert(START_MS + 86_399_000), ["cold_start"]],
    ["the second day", alert(START_MS + 86_400_000), ["warm_up"]],
    ["the last step of the warm-up", alert(START_MS + 7 * 86_400_000 - STEP_MS), ["warm_up"]],
    ["after the warm-up", alert(START_MS + 7 * 86_400_000), ["false"]],
    ["after the end of all", alert(START_MS + 9 * 86_400_000), []],
    ["a kind that is not judged", alert(START, "pipeline"), []],
    ["the end of a signal", alert(START, "error", "resolved"), []],
  ])("an alert %s", (_, one, roles) => {
    expect(rolesOf(one)).toEqual(roles);
  });

  test("the first alert finds the incident, the others repeat it; the first end after it resolves it", () => {
    const alerts = [
      alert(START + 30_000),
      alert(START + 100_000, "error", "resolved"),
      alert(START + 200_000),
      alert(OVER - 60_000, "error", "resolved"),
    ];
    expect(rolesOf(...alerts)).toEqual(["found", "repeat"]);
    const [incident] = judge([streamOf()], alerts, DAYS).incidents;
    expect(incident).toMatchObject({ delaySeconds: 30, repeats: 1, resolveSeconds: -60 });
    const never = judge([streamOf()], alerts.slice(0, 3), DAYS).incidents[0];
    expect(never?.resolveSeconds).toBeNull();
  });

  test("only what carries 15 nats must be found", () => {
    const verdict = (nats: number) => judge([streamOf(nats)], [], DAYS);
    expect(figuresOf(verdict(15), "mid")).toMatchObject({ detectable: 1, found: 0, recall: 0 });
    expect(figuresOf(verdict(14.9), "mid")).toMatchObject({ detectable: 0, recall: null });
  });

  test("figures of a group count its own series only", () => {
    const verdict = judge([streamOf()], [alert(START), alert(OVER + 910_000)], DAYS);
    const figures = figuresOf(verdict, "mid");
    expect(figures).toMatchObject({ recall: 1, precision: 0.5, falseAlarms: 0.5, delayMedian: 0 });
    expect(figuresOf(verdict, "all")).toEqual(figures);
    expect(figuresOf(verdict, "low")).toMatchObject({ detectable: 0, recall: null });
  });

  test("quantiles", () => {
    expect(quantile([4, 1, 3, 2], 0.5)).toBe(2);
    expect(quantile([5, 1, 3], 0.5)).toBe(3);
    expect(quantile([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 0.9)).toBe(10);
    expect(quantile([], 0.5)).toBeNull();
  });

  test("a goal is reached at its bound and missed beyond it, or when nothing was measured", () => {
    const less: Goal = { figure: "x", better: "less", must: 0.08, aim: 0.02 };
    expect([0.02, 0.021, 0.08, 0.081, Number.NaN].map((each) => markOf(less, each))).toEqual([
      "aim",
      "must",
      "must",
      "missed",
      "missed",
    ]);
    const more: Goal = { figure: "x", better: "more", must: 0.9, aim: 0.97 };
    expect([0.97, 0.9, 0.89, null].map((each) => markOf(more, each))).toEqual([
      "aim",
      "must",
      "missed",
      "missed",
    ]);
    expect(new Set(GOALS.map(({ figure }) => figure)).size).toBe(GOALS.length);
  });
});
