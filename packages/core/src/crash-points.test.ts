import { expect, test } from "vitest";
import { crashPoints } from "./crash-points.ts";

test("an armed point crashes once, at the time that was asked for; others never do", () => {
  let crashes = 0;
  crashPoints.pass("sight.after");
  crashPoints.arm("sight.after", { passes: 2, crash: () => (crashes += 1) });
  crashPoints.pass("sight.before");
  crashPoints.pass("sight.after");
  expect(crashes).toBe(0);
  crashPoints.pass("sight.after");
  expect(crashes).toBe(1);
  crashPoints.pass("sight.after");
  expect(crashes).toBe(1);
});
