import { expect, test } from "vitest";
import { digestProblems } from "./digest-check.ts";

const digest = "7a1d6f1e-0000-4000-8000-000000000001";
const common = { digest, channel: "slack-1", action: "open" };
const MEMBERS = [
  { ...common, service: "storm-1", severity: "critical" },
  { ...common, service: "storm-2", severity: "error" },
  { ...common, service: "storm-3", severity: "error" },
];
const TEXT = `Storm: 3 incidents opened (1 critical)\\n• CRITICAL storm-1: up\\n• ERROR storm-2: up\\n… and 1 more: error ${digest}`;

function problemsOf(from: string, to: string): string[] {
  expect(TEXT).toContain(from);
  return digestProblems(MEMBERS, [{ channel: "slack-1", text: TEXT.replace(from, to) }]);
}

test("a digest that names or counts each, critical first, is well", () => {
  expect(problemsOf("Storm", "Storm")).toEqual([]);
});

test.each([
  ["3 incidents", "4 incidents", /4 incidents opened.*of 3, 1 of them critical/],
  ["(1 critical)", "(2 critical)", /of 3, 1 of them critical/],
  ["… and 1 more", "… and 2 more", /2 named and 2 counted of 3/],
  ["• ERROR storm-2: up\\n", "", /1 named and 1 counted of 3/],
  ["ERROR storm-2", "ERROR storm-9", /1 are named that do not belong to it/],
  ["ERROR storm-2", "CRITICAL storm-2", /1 are named that do not belong to it/],
  ["ERROR storm-2", "CRITICAL storm-1", /named twice/],
  ["CRITICAL storm-1: up\\n• ERROR storm-2", "ERROR storm-3: up\\n• ERROR storm-2", /come first/],
  [digest, "", /was never told/],
])("%s → %s is found", (from, to, problem) => {
  expect(problemsOf(from, to).join()).toMatch(problem);
});
