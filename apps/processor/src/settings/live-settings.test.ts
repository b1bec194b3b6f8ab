import { consoleChannel } from "@tracer/notify";
import { expect, test } from "vitest";
import { readConfig } from "../config.ts";
import type { ChannelSpec } from "./channel-specs.ts";
import { LiveSettings } from "./live-settings.ts";
import type { SettingsFile } from "./schema.ts";

function configOf(names: readonly string[], settings: Partial<SettingsFile> = {}) {
  const channels = names.map((name): ChannelSpec => {
    const [kind = "", channel = ""] = name.split(":");
    return kind === "slack"
      ? { name: kind, kind, token: "t", channel, apiUrl: "http://127.0.0.1" }
      : { name: kind, kind: "console" };
  });
  const config = readConfig({});
  const rules = { ...config.settings, ...settings, quietHours: config.settings.quietHours };
  return { ...config, channels, settings: rules };
}

function start(config: ReturnType<typeof configOf>) {
  const made: string[] = [];
  const settings = new LiveSettings(config, {
    make: ({ name }) => {
      made.push(name);
      return consoleChannel({ name, write: () => {} });
    },
    none: { name: "terminal", kind: "console" },
  });
  return { settings, made };
}

const key = {
  project: "default",
  environment: "",
  service: "web",
  kind: "error",
  part: "",
} as const;

test("what stays as it was stays the same channel; what changed or came is made", () => {
  const { settings, made } = start(configOf(["slack:C1", "a"]));
  const [slack, a] = settings.channels;
  settings.replace(configOf(["slack:C2", "a", "b"]));
  expect(settings.names).toEqual(["slack", "a", "b"]);
  expect(settings.channels[1]).toBe(a);
  expect(settings.channels[0]).not.toBe(slack);
  expect(made).toEqual(["slack", "a", "slack", "b"]);
});

test("a configuration that is refused changes nothing", () => {
  const { settings } = start(configOf(["a", "b"]));
  const channels = settings.channels;
  const wrong = { ...configOf(["c"]), fallbackChannel: "nobody" };
  expect(() => settings.replace(wrong)).toThrow("FALLBACK_CHANNEL");
  expect(settings.channels).toEqual(channels);
  expect(settings.fallback).toBeNull();
});

test("rules: who is told, how grave it is, what is not told at all", () => {
  const routes = [{ when: { severity: "critical" as const }, channels: ["b"], continue: false }];
  const services = [
    { when: {}, severity: { error: "critical" as const }, ignore: ["volume" as const] },
  ];
  const { settings } = start(configOf(["a", "b"]));
  expect(settings.judge({ key, severity: "error" })).toEqual({
    severity: "error",
    channels: ["a", "b"],
  });
  settings.replace(configOf(["a", "b"], { routes, services }));
  expect(settings.judge({ key, severity: "error" })).toEqual({
    severity: "critical",
    channels: ["b"],
  });
  expect(settings.judge({ key: { ...key, kind: "volume" }, severity: "critical" })).toBeNull();
});

test("the fall-back gets what nothing routes to it", () => {
  const { settings } = start({ ...configOf(["a", "b"]), fallbackChannel: "b", fallbackSeconds: 7 });
  expect(settings.fallback).toEqual({ channel: "b", afterSeconds: 7 });
  expect(settings.judge({ key, severity: "error" })?.channels).toEqual(["a"]);
});

test("in its quiet hours a channel gets only what is grave", () => {
  const { settings } = start(configOf(["a", "b"]));
  const hours = { time_zone: "UTC", from: "22:00", to: "06:00", except: "error" } as const;
  const config = configOf(["a", "b"]);
  const quietHours = new Map([["a", hours]]);
  settings.replace({ ...config, settings: { ...config.settings, quietHours } });
  const night = Date.parse("2026-11-22T23:00:00Z");
  expect(settings.floorOf("a", night)).toBe(2);
  expect(settings.floorOf("b", night)).toBe(0);
  expect(settings.floorOf("a", night + 12 * 3_600_000)).toBe(0);
});

test("without a channel there is the terminal; patterns redact, and none leaves lines as they are", () => {
  const { settings } = start(configOf([]));
  expect(settings.names).toEqual(["terminal"]);
  expect(settings.redact("order-7")).toBe("order-7");
  settings.replace(configOf([], { redaction: [{ pattern: "order-\\d+", replace: "$&" }] }));
  expect(settings.redact("order-7 order-8")).toBe("$& $&");
});
