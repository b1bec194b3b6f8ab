import { expect, test } from "vitest";
import { routesOf } from "./channels.ts";

const channels = [{ name: "slack" }, { name: "pagerduty" }];

test("without a fall-back every channel is announced to", () => {
  expect(routesOf(channels, null)).toEqual({ announced: ["slack", "pagerduty"], fallback: null });
});

test("the fall-back gets what the others could not deliver, and nothing else", () => {
  expect(routesOf(channels, "pagerduty")).toEqual({ announced: ["slack"], fallback: "pagerduty" });
});

test("the only channel gets everything", () => {
  expect(routesOf([{ name: "slack" }], "slack")).toEqual({ announced: ["slack"], fallback: null });
});

test("a name that is no channel's is refused, with those that are", () => {
  const message =
    "FALLBACK_CHANNEL: no channel of this name is configured; it can be slack or pagerduty";
  expect(() => routesOf(channels, "email")).toThrow(
    expect.objectContaining({ code: "CONFIG_INVALID", message }),
  );
});
