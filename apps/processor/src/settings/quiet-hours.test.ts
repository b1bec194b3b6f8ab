import { expect, test } from "vitest";
import { isQuiet } from "./quiet-hours.ts";

const berlin = {
  time_zone: "Europe/Berlin",
  from: "22:00",
  to: "07:00",
  except: "critical",
} as const;

test.each([
  ["2026-06-01T19:59:59Z", false], // 21:59 in summer
  ["2026-06-01T20:00:00Z", true],
  ["2026-06-02T04:59:59Z", true],
  ["2026-06-02T05:00:00Z", false],
  ["2026-12-01T20:59:59Z", false], // 21:59 in winter
  ["2026-12-01T21:00:00Z", true],
  // The clocks go back at 03:00 on the 25th of October: 06:59 is then an hour later.
  ["2026-10-25T05:59:59Z", true],
  ["2026-10-25T06:00:00Z", false],
])("over midnight, in local time: %s is %s", (at, quiet) => {
  expect(isQuiet(berlin, Date.parse(at))).toBe(quiet);
});

test("the days are those on which the quiet hours begin", () => {
  const weekend = { ...berlin, days: ["fri", "sat"] } as const;
  expect(isQuiet(weekend, Date.parse("2026-11-20T22:00:00Z"))).toBe(true); // Friday, 23:00.
  expect(isQuiet(weekend, Date.parse("2026-11-21T05:00:00Z"))).toBe(true); // The morning after it.
  expect(isQuiet(weekend, Date.parse("2026-11-20T05:00:00Z"))).toBe(false); // Friday, 06:00.
  expect(isQuiet(weekend, Date.parse("2026-11-22T22:00:00Z"))).toBe(false); // Sunday evening.
});

test("within a day; from and to the same are the whole day", () => {
  const lunch = { ...berlin, time_zone: "UTC", from: "12:00", to: "13:00" } as const;
  expect(isQuiet(lunch, Date.parse("2026-11-20T12:59:00Z"))).toBe(true);
  expect(isQuiet(lunch, Date.parse("2026-11-20T13:00:00Z"))).toBe(false);
  const always = { ...lunch, from: "00:00", to: "00:00" } as const;
  expect(isQuiet(always, Date.parse("2026-11-20T17:00:00Z"))).toBe(true);
});
