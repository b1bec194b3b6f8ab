import { LEVELS } from "@tracer/core";
import { describe, expect, test } from "vitest";
import { levelOfNumber, levelOfSeverityNumber, levelOfStatus, levelOfText } from "./level.ts";
import { levelOfMessage, MESSAGE_SCAN_BYTES_MAX } from "./message-level.ts";

function name(level: number): string | null {
  return level < 0 ? null : (LEVELS[level] ?? "?");
}

function textLevel(text: string): string | null {
  const bytes = Buffer.from(`"${text}"`);
  return name(levelOfText(bytes, 1, bytes.length - 1));
}

function messageLevel(text: string): string | null {
  const bytes = Buffer.from(`ERROR${text}ERROR`);
  return name(levelOfMessage(bytes, 5, bytes.length - 5));
}

describe("words", () => {
  test.each([
    ["trace", "trace TRACE Trc finest"],
    ["debug", "debug DEBUG dbg verbose Fine"],
    ["info", "info INFO Information informational notice NOTICE log"],
    ["warn", "warn Warning WARNING wrn W"],
    ["error", "error Error ERROR err ERR severe ERROR2"],
    ["fatal", "fatal FATAL critical CRIT alert emerg Emergency panic dpanic FATAL4"],
  ])("%s: %s", (level, words) => {
    for (const word of words.split(" ")) expect(textLevel(word), word).toBe(level);
    for (const word of words.split(" ")) expect(textLevel(` ${word}\t`), word).toBe(level);
  });

  test.each([["banana"], ["errors"], ["er"], ["error5"], ["info error"], ["-"], ["@"]])(
    "unreadable: %j",
    (text) => {
      expect(textLevel(text)).toBeNull();
    },
  );
});

describe("numbers", () => {
  test.each([
    [10, "trace"],
    [20, "debug"],
    [30, "info"],
    [35, "info"],
    [40, "warn"],
    [50, "error"],
    [59.5, "error"],
    [60, "fatal"],
    [99, "fatal"],
    [0, "fatal"],
    [1, "fatal"],
    [2, "fatal"],
    [3, "error"],
    [4, "warn"],
    [5, "info"],
    [6, "info"],
    [7, "debug"],
    [8, null],
    [9.9, null],
    [100, null],
    [500, null],
    [-1, null],
    [2.5, null],
    [Number.NaN, null],
  ])("level %d is %s", (value, expected) => {
    expect(name(levelOfNumber(value))).toBe(expected);
    expect(textLevel(String(value))).toBe(expected);
  });

  test.each([
    [99, "fatal"],
    [100, "info"],
    [200, "info"],
    [404, "info"],
    [499, "info"],
    [500, "error"],
    [503, "error"],
    [599, "error"],
    [600, "info"],
    [1000, null],
  ])("status %d is %s", (value, expected) => {
    expect(name(levelOfStatus(value))).toBe(expected);
  });

  test("severity_number: 1–24, four to a level", () => {
    const levels = Array.from({ length: 26 }, (_, value) => name(levelOfSeverityNumber(value)));
    expect(levels).toEqual([
      null,
      ...LEVELS.flatMap((level) => [level, level, level, level]),
      null,
    ]);
  });
});

describe("in the message", () => {
  test.each([
    ["ERROR cannot connect", "error"],
    ["[error] cannot connect", "error"],
    ["[ error ] cannot connect", "error"],
    ["<Warning> disk", "warn"],
    ["error: cannot connect", "error"],
    ["Error: cannot connect", "error"],
    ["Error connecting to the database", "error"],
    ["Fatal error in shop", "fatal"],
    ["panic: runtime error: index out of range", "fatal"],
    ["2026-06-01 12:00:00,123 WARN  c.s.Orders - slow", "warn"],
    ["2026-06-01T12:00:00Z [main] ERROR o.h.Pool - gone", "error"],
    ["2026-06-01T12:00:00Z [main] [error] gone", "error"],
    ["level=error msg=gone", "error"],
    ['time=12 level="warning" msg=gone', "warn"],
    ["severity: critical, gone", "fatal"],
    ["\u001b[31mERROR\u001b[39m gone", "error"],
    ["INFO no ERROR was found", "info"],
    ["DEBUG x", "debug"],
    ["CRITICAL:root:gone", "fatal"],
  ])("%s → %s", (message, expected) => {
    expect(messageLevel(message)).toBe(expected);
  });

  test.each([
    ["no error was found"],
    ["0 errors"],
    ["errors: 0"],
    ["an alert was sent"],
    ["alert sent to the pager"],
    ["the critical section was left"],
    ["request completed"],
    ["terror struck"],
    ["MIRROR and TERROR"],
    [""],
    ["leveled = error"],
  ])("names none: %s", (message) => {
    expect(messageLevel(message)).toBe("info");
  });

  test("only near the beginning", () => {
    const before = "x".repeat(10).concat(" ".repeat(MESSAGE_SCAN_BYTES_MAX - 11));
    expect(messageLevel(`${before}ERROR`)).toBe("error");
    expect(messageLevel(`${before} ERROR`)).toBe("info");
  });
});
