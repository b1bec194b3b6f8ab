import type { Kind, Severity } from "@tracer/core";
import { expect, test } from "vitest";
import { channelsOf, matches, severityOf } from "./routes.ts";

function incident(service: string, severity: Severity = "error", kind: Kind = "error") {
  const key = { project: "default", environment: "prod", service, kind, part: "" };
  return { key, severity };
}

const route = { when: {}, continue: false };

test("the first route that matches decides, unless it says continue", () => {
  const routes = [
    { ...route, when: { service: ["pay*"] }, channels: ["payments"], continue: true },
    { ...route, when: { severity: "critical" as const }, channels: ["pager", "payments"] },
    { ...route, when: { service: ["search"] }, channels: [] },
    { ...route, channels: ["general"] },
  ];
  const all = ["payments", "pager", "general"];
  expect(channelsOf(routes, incident("pay-api"), all)).toEqual(["payments", "general"]);
  expect(channelsOf(routes, incident("pay-api", "critical"), all)).toEqual(["payments", "pager"]);
  expect(channelsOf(routes, incident("web", "critical"), all)).toEqual(["pager", "payments"]);
  expect(channelsOf(routes, incident("search"), all)).toEqual([]);
  expect(channelsOf(routes.slice(0, 2), incident("web"), all)).toEqual(all);
  expect(channelsOf([], incident("web"), all)).toEqual(all);
});

test.each([
  ["pay", "pay", true],
  ["pay", "payments", false],
  ["pay*", "pay", true],
  ["*api", "pay-api", true],
  ["a*b*c", "aXbYc", true],
  ["a*b*c", "acb", false],
  ["a*a", "a", false],
  ["*", "", true],
  ["**", "x", true],
  ["a*bc*bc", "abc", false],
])("%s fits %s: %s", (pattern, service, fits) => {
  expect(matches({ service: [pattern] }, incident(service))).toBe(fits);
});

test("a pattern of many stars is no work", () => {
  const pattern = `${"*a".repeat(900)}*b`;
  expect(matches({ service: [pattern] }, incident("a".repeat(200)))).toBe(false);
});

test("everything that is named has to fit; of a list, one", () => {
  const when = {
    environment: ["prod", "staging"],
    kind: ["latency" as const],
    severity: "error" as const,
  };
  expect(matches(when, incident("x", "critical", "latency"))).toBe(true);
  expect(matches(when, incident("x", "warning", "latency"))).toBe(false);
  expect(matches(when, incident("x", "critical", "volume"))).toBe(false);
  expect(matches({ ...when, environment: ["dev"] }, incident("x", "critical", "latency"))).toBe(
    false,
  );
});

test("rules of a service: the last that says something about the kind speaks; ignored is ignored", () => {
  const services = [
    { when: { service: ["batch-*"] }, severity: { error: "warning" as const } },
    { when: { service: ["batch-pay"] }, severity: { error: "critical" as const } },
    { when: { service: ["batch-*"] }, ignore: ["latency" as const] },
  ];
  expect(severityOf(services, incident("web"))).toBe("error");
  expect(severityOf(services, incident("batch-x"))).toBe("warning");
  expect(severityOf(services, incident("batch-pay"))).toBe("critical");
  expect(severityOf(services, incident("batch-pay", "warning", "latency"))).toBeNull();
});
