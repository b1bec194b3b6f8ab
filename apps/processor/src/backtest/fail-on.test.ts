import { describe, expect, test } from "vitest";
import { FAIL_ON_FIGURES, holds, parseFailOn } from "./fail-on.ts";

describe("--fail-on", () => {
  test("reads a figure, an operator and a number, with or without blanks", () => {
    expect(parseFailOn("alerts>0")).toEqual({ figure: "alerts", operator: ">", bound: 0 });
    expect(parseFailOn(" alerts_per_week >= 1.5 ")).toEqual({
      ...{ figure: "alerts_per_week", operator: ">=", bound: 1.5 },
    });
    expect(parseFailOn("late==3")?.operator).toBe("=");
    for (const figure of FAIL_ON_FIGURES) expect(parseFailOn(`${figure}<1`)?.figure).toBe(figure);
  });

  test.each(["", "alerts", "alerts>", ">1", "alerts>>1", "alerts=>1", "alerts>-1", "alerts>1e3"])(
    "%j is not a condition",
    (text) => expect(parseFailOn(text)).toBeNull(),
  );

  test.each(["alarms>1", "alerts>NaN", "alerts>1 2", "alerts>0;rm", "constructor>1"])(
    "nor is %j",
    (text) => expect(parseFailOn(text)).toBeNull(),
  );

  test("each operator does what it says, on both sides of its bound", () => {
    const truth = (operator: string) => {
      const condition = parseFailOn(`alerts${operator}2`);
      return [1, 2, 3].map((value) => condition !== null && holds(condition, value));
    };
    expect(truth(">")).toEqual([false, false, true]);
    expect(truth(">=")).toEqual([false, true, true]);
    expect(truth("<")).toEqual([true, false, false]);
    expect(truth("<=")).toEqual([true, true, false]);
    expect(truth("=")).toEqual([false, true, false]);
  });
});
