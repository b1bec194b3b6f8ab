import { RULES } from "@tracer/detect";
import { expect, test } from "vitest";
import { parseRules } from "./rules-option.ts";

test("rules in any order and with blanks; nothing given is the default", () => {
  expect(parseRules(undefined)).toBeUndefined();
  expect(parseRules("median_mad, evidence,median_mad")).toEqual(["evidence", "median_mad"]);
  expect(parseRules(RULES.join(","))).toEqual([...RULES]);
});

test.each(["", "evidence,", "zscore", "evidence,mad"])("'%s' is told what there is", (text) => {
  expect(parseRules(text)).toContain("median_mad");
  expect(typeof parseRules(text)).toBe("string");
});
