import { expect, test } from "vitest";
import { TickWheel } from "./tick-wheel.ts";

test("visits each series once, in the second it is due, and only then", () => {
  const wheel = new TickWheel();
  const seen: string[] = [];
  wheel.turn(1_000, () => seen.push("none yet"));
  wheel.add(1, 1_003);
  wheel.add(2, 1_003);
  wheel.add(3, 1_010);
  for (let second = 1_001; second <= 1_012; second += 1) {
    wheel.turn(second, (slot) => seen.push(`${second}:${slot}`));
  }
  expect(seen.sort()).toEqual(["1003:1", "1003:2", "1010:3"]);
});

test("a series due in the past comes next, one too far ahead is looked at early, a jump loses none", () => {
  const wheel = new TickWheel();
  const seen: number[] = [];
  wheel.turn(1_000, () => undefined);
  wheel.add(1, 5);
  wheel.add(2, 9_999);
  wheel.turn(1_001, (slot) => seen.push(slot));
  expect(seen).toEqual([1]);
  wheel.turn(1_000 + TickWheel.aheadMax - 1, (slot) => seen.push(slot));
  expect(seen).toEqual([1]);
  wheel.turn(1_000 + TickWheel.aheadMax, (slot) => seen.push(slot));
  expect(seen).toEqual([1, 2]);
  wheel.add(3, 1_080);
  wheel.turn(90_000, (slot) => seen.push(slot));
  expect(seen).toEqual([1, 2, 3]);
});

test("a visit may put its series back", () => {
  const wheel = new TickWheel();
  let visits = 0;
  wheel.add(0, 10);
  for (let second = 10; second < 40; second += 1) {
    wheel.turn(second, (slot) => {
      visits += 1;
      wheel.add(slot, second + 10);
    });
  }
  expect(visits).toBe(3);
});
