import { aSighting } from "@tracer/testkit";
import { expect, test } from "vitest";
import { titleOf } from "./title.ts";

const { key, evidence } = aSighting({ service: "checkout" });

test.each([
  ["drop", 0, "checkout: gone silent"],
  ["drop", 0.5, "checkout: log volume drop"],
  ["surge", 400, "checkout: log volume surge"],
])("volume %s, %s a minute seen: %s", (part, observed, title) => {
  const volume = { ...key, kind: "volume", part } as const;
  expect(titleOf(volume, { ...evidence, observed, expected: 100 })).toBe(title);
});

test("errors where none were expected are no spike", () => {
  expect(titleOf(key, evidence)).toBe("checkout: error rate spike");
  expect(titleOf(key, { ...evidence, expected: 0 })).toBe("checkout: errors where there were none");
});
