import { expect, test } from "vitest";
import { nearest } from "./nearest.ts";

test.each([
  ["chanels", "channels"],
  ["slak", "slack"],
  ["severty", "severity"],
  ["x", null],
  ["webhooks-and-more", null],
  ["", null],
])("%s: %s", (word, meant) => {
  expect(nearest(word, ["channels", "slack", "severity", "webhook"])).toBe(meant);
});
