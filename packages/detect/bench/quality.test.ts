import { expect, test } from "vitest";
import { causalityViolations } from "./causality.ts";
import { recallOf } from "./figures.ts";
import { replay } from "./replay.ts";
import { judgeStreams, streamsOf, WARM_UP_DAYS } from "./run.ts";

/*
 * A small slice of `pnpm bench:detect`: does the detector still detect? The figures themselves are the
 * bench's business; here only what must never be otherwise.
 */
const DAYS = 10;

test("errors and silences are found, and nothing is made up about services without habits", () => {
  const plan = { seed: "slice", structure: "plain", days: DAYS, servicesPerTier: 16 } as const;
  const all = streamsOf({ ...plan, holidayDay: null });
  const plain = all.filter(({ service }) => service.stretches.length === 0);
  const busy = all.filter(({ service }) => service.tier === "high").slice(0, 5);
  const streams = [...new Set([...plain, ...busy])];
  const { verdict, notFinite } = judgeStreams(streams, plan);
  const [errorsFound, errors] = recallOf(verdict, "high", "error");
  expect(errors).toBeGreaterThan(4);
  expect(errorsFound).toBe(errors);
  const silences = verdict.incidents.filter(
    ({ fault, tier, detectable }) => fault === "silence" && tier !== "low" && detectable,
  );
  expect(silences.length).toBeGreaterThan(0);
  expect(silences.filter(({ delaySeconds }) => delaySeconds === null)).toEqual([]);
  const plainNames = plain.map(({ name }) => name);
  expect(plainNames.length).toBeGreaterThan(3);
  const madeUp = verdict.alerts.filter(
    ({ role, stream }) => role === "false" && plainNames.includes(stream),
  );
  expect(madeUp).toEqual([]);
  expect(notFinite).toEqual([]);
}, 20_000);

test("the beginning of the decisions does not depend on what comes later", () => {
  const plan = { seed: "cut", structure: "varied", days: 8, servicesPerTier: 1 } as const;
  const { decisions, violations } = causalityViolations({ ...plan, holidayDay: null });
  expect(decisions).toBeGreaterThan(5);
  expect(violations).toBe(0);
}, 20_000);

test("nothing in, nothing out", () => {
  expect(replay([])).toEqual({ alerts: [], notFinite: [] });
  expect(WARM_UP_DAYS).toBeLessThan(DAYS);
});
