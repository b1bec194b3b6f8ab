import { expect, test } from "vitest";
import { parseMoment } from "./moment.ts";

// Local time, whatever the zone of the machine.
const NOW = new Date(2026, 0, 5, 14, 30, 15);
const NOW_MS = NOW.getTime();
const local = (day: number, hour: number, minute: number, second = 0) =>
  new Date(2026, 0, day, hour, minute, second).getTime();

test.each<[string, number | null]>([
  ["now", NOW_MS],
  ["10 min ago", NOW_MS - 600_000],
  ["2h ago", NOW_MS - 7_200_000],
  ["90s", NOW_MS - 90_000],
  ["1.5 hours ago", NOW_MS - 5_400_000],
  ["1 day ago", NOW_MS - 86_400_000],
  ["14:05", local(5, 14, 5)],
  ["14:30:15", NOW_MS],
  ["14:31", local(4, 14, 31)],
  ["1767621600", 1_767_621_600_000],
  ["1767621600123", 1_767_621_600_123],
  ["2026-01-05T12:00:00Z", Date.UTC(2026, 0, 5, 12)],
  ["2026-01-05T12:00:00+02:00", Date.UTC(2026, 0, 5, 10)],
  ["2026-01-05 12:00", local(5, 12, 0)],
  ["24:00", null],
  ["12:60", null],
  ["2026-13-05T12:00:00Z", null],
  ["yesterday", null],
  ["12", null],
  ["", null],
  ["99999999 days ago", null],
])("%s", (text, expected) => {
  expect(parseMoment(text, NOW_MS)).toBe(expected);
});
