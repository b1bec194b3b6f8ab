import { expect, test } from "vitest";
import { parseDurationSeconds } from "./duration.ts";

test.each([
  ["90s", 90],
  ["30m", 1_800],
  [" 2H ", 7_200],
  ["1d12h", 129_600],
  ["0s", null],
  ["", null],
  ["2", null],
  ["h", null],
  ["-2h", null],
  ["1.5h", null],
  ["2 h", null],
  ["2w", null],
  ["9999999999s", null],
])("'%s' is %s seconds", (text, seconds) => {
  expect(parseDurationSeconds(text)).toBe(seconds);
});
