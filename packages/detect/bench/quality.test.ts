import { expect, test } from "vitest";
import { causalityViolations } from "./causality.ts";
import { recallOf } from "./figures.ts";
import { generate, type Stream } from "./generator.ts";
import { runNewKinds } from "./new-kinds.ts";
import { Random } from "./random.ts";
import { replay } from "./replay.ts";
import { judgeStreams, WARM_UP_DAYS } from "./run.ts";
import { drawService, TIERS, type Tier } from "./service.ts";

/*
 * A small slice of `pnpm bench:detect`: does the detector still detect? The figures themselves are the
 * bench's business; here only what must never be otherwise.
 */
const DAYS = 10;
const PLAN = {
  structure: "plain",
  days: DAYS,
  warmUpDays: WARM_UP_DAYS,
  holidayDay: null,
} as const;
const TIMEOUT_MS = 60_000;

/** The first few services of a tier, with habits or without, generated only when they are wanted. */
function streamsLike(tier: Tier, count: number, hasHabits: boolean): Stream[] {
  const names = Array.from({ length: 200 }, (_, index) => `slice/${tier}-${index}`);
  const wanted = names.filter((name) => {
    const { stretches } = drawService(new Random(name), { ...PLAN, tier });
    return stretches.length > 0 === hasHabits;
  });
  return wanted.slice(0, count).map((name) => generate(name, { ...PLAN, tier }));
}

test(
  "errors and silences are found, and nothing is made up about services without habits",
  () => {
    const plain = TIERS.flatMap((tier) => streamsLike(tier, tier === "mid" ? 3 : 2, false));
    const streams = [...plain, ...streamsLike("high", 4, true)];
    const { verdict, notFinite } = judgeStreams(streams, PLAN);
    const [errorsFound, errors] = recallOf(verdict, "high", "error");
    expect(errors).toBeGreaterThan(3);
    expect(errorsFound).toBe(errors);
    const silences = verdict.incidents.filter(
      ({ fault, tier, detectable }) => fault === "silence" && tier !== "low" && detectable,
    );
    expect(silences.length).toBeGreaterThan(0);
    expect(silences.filter(({ delaySeconds }) => delaySeconds === null)).toEqual([]);
    const names = plain.map(({ name }) => name);
    const madeUp = verdict.alerts.filter(
      ({ role, stream }) => role === "false" && names.includes(stream),
    );
    expect(madeUp).toEqual([]);
    expect(notFinite).toEqual([]);
  },
  TIMEOUT_MS,
);

test(
  "the beginning of the decisions does not depend on what comes later",
  () => {
    const plan = { seed: "cut", structure: "varied", days: 10, servicesPerTier: 1 } as const;
    const { decisions, violations } = causalityViolations({ ...plan, holidayDay: null }, 1);
    expect(decisions).toBeGreaterThan(0);
    expect(violations).toBe(0);
  },
  TIMEOUT_MS,
);

test(
  "lines of a kind never written before are told of, and nothing else of healthy services",
  () => {
    const { verdict, notFinite, lines } = runNewKinds("slice", { low: 3, mid: 0, high: 0 });
    const [found, detectable] = recallOf(verdict, "low", "template");
    expect(lines).toBeGreaterThan(10_000);
    expect(detectable).toBeGreaterThan(3);
    expect(found / detectable).toBeGreaterThan(0.8);
    expect(verdict.alerts.filter(({ role }) => role === "false").length).toBeLessThan(2);
    expect(notFinite).toEqual([]);
  },
  TIMEOUT_MS,
);

test("nothing in, nothing out", () => {
  expect(replay([])).toEqual({ alerts: [], notFinite: [] });
  expect(WARM_UP_DAYS).toBeLessThan(DAYS);
});
