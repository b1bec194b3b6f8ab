import { expect, test } from "vitest";
import { AlertBar } from "./alert-bar.ts";

test("an event passes once; a clearly larger one passes at once, a slightly larger one does not", () => {
  const bar = new AlertBar();
  expect([8, 8, 8.5, 7, 10].map((surprise) => bar.pass(surprise))).toEqual([8, 0, 0, 0, 10]);
});

test("the bar decays: half the surprise passes again after some hundred quiet rows", () => {
  for (const { quietRows, passed } of [
    { quietRows: 90, passed: 0 },
    { quietRows: 150, passed: 4 },
  ]) {
    const bar = new AlertBar();
    bar.pass(8);
    for (let row = 0; row < quietRows; row += 1) expect(bar.pass(0)).toBe(0);
    expect(bar.pass(4)).toBe(passed);
  }
});
