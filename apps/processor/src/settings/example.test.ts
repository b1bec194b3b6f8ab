import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { parseSettings, unknownChannels } from "./read.ts";
import { redactorOf } from "./redaction.ts";
import { channelsOf } from "./routes.ts";

const path = fileURLToPath(new URL("../../../../docs/tracer.example.yaml", import.meta.url));

test("the example of the manual is good, and does what it says", () => {
  const { settings, problems } = parseSettings(readFileSync(path, "utf8"));
  expect(problems).toEqual([]);
  if (settings === null) return;
  expect(unknownChannels(settings, Object.keys(settings.channels))).toEqual([]);
  const told = (service: string, environment: string, severity: "error" | "critical" = "error") => {
    const key = { project: "default", environment, service, kind: "error", part: "" } as const;
    return channelsOf(settings.routes, { key, severity }, ["all"]);
  };
  expect(told("checkout-api", "prod", "critical")).toEqual(["oncall", "payments"]);
  expect(told("checkout-api", "prod")).toEqual(["payments"]);
  expect(told("search", "test-3", "critical")).toEqual([]);
  expect(told("search", "prod")).toEqual(["tickets"]);
  const redact = redactorOf(settings.redaction);
  expect(redact?.("order-4711 of DE12345678901234567890 failed")).toBe(
    "‹order› of ‹redacted› failed",
  );
});
