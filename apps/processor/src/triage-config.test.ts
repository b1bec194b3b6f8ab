import { expect, test } from "vitest";
import { readConfig } from "./config.ts";

const LOCAL = { TRIAGE_MODEL: "m", TRIAGE_BASE_URL: "http://127.0.0.1:11434/v1/" };

test("no model is asked unless one is named", () => {
  expect(readConfig({}).triage).toBeNull();
  expect(readConfig({ TRIAGE_HOURLY_MAX: "5" }).triage).toBeNull();
});

test("a model of one's own, or one of the AI Gateway", () => {
  expect(readConfig(LOCAL).triage).toEqual({
    ...{ model: "m", baseUrl: "http://127.0.0.1:11434/v1", apiKey: null, hourlyMax: 20 },
  });
  expect(readConfig({ TRIAGE_MODEL: "acme/one", TRIAGE_API_KEY: "k" }).triage).toEqual({
    ...{ model: "acme/one", baseUrl: null, apiKey: "k", hourlyMax: 20 },
  });
});

test.each([
  ["0", "at least 1"],
  ["10001", "at most 10000"],
  ["2.5", "whole number"],
  ["many", "whole number"],
])("TRIAGE_HOURLY_MAX of %s is refused", (hourlyMax, why) => {
  const read = () => readConfig({ ...LOCAL, TRIAGE_HOURLY_MAX: hourlyMax });
  expect(read).toThrow(`TRIAGE_HOURLY_MAX: must be ${why === "whole number" ? "a " : ""}${why}`);
});

test.each(["1", "10000"])("TRIAGE_HOURLY_MAX of %s is taken", (hourlyMax) => {
  const { triage } = readConfig({ ...LOCAL, TRIAGE_HOURLY_MAX: hourlyMax });
  expect(triage?.hourlyMax).toBe(Number(hourlyMax));
});

test("Composio's key alone is half a channel, and all that `tracer ask` needs", () => {
  const key = { COMPOSIO_API_KEY: "ak_1" };
  expect(() => readConfig(key)).toThrow("COMPOSIO_SLACK_CHANNEL: is required");
  const { composio, channels } = readConfig({ ...LOCAL, ...key });
  expect(composio).toMatchObject({ apiKey: "ak_1", userId: "tracer", toolkits: ["slackbot"] });
  expect(channels).toEqual([]);
});
