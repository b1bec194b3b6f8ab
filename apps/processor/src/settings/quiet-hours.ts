import { type QuietHours, WEEKDAYS } from "./schema.ts";

const DAY_MINUTES = 1_440;
const DAYS: readonly string[] = WEEKDAYS;

/** Whether a channel is quiet at an instant, ms since the epoch. Right over changes of summer time: it asks for the local time. */
export function isQuiet(hours: QuietHours, atMs: number): boolean {
  const { weekday, minute } = localTime(hours.time_zone, atMs);
  const from = minuteOf(hours.from);
  const to = minuteOf(hours.to);
  if (from < to) return minute >= from && minute < to && beginsOn(hours, weekday);
  // Over midnight: the evening of this day, or the morning after yesterday's evening.
  if (minute >= from) return beginsOn(hours, weekday);
  return minute < to && beginsOn(hours, (weekday + 6) % 7);
}

function beginsOn({ days }: QuietHours, weekday: number): boolean {
  const day = WEEKDAYS[weekday];
  return days === undefined || (day !== undefined && days.includes(day));
}

function minuteOf(time: string): number {
  const [hour = "", minute = ""] = time.split(":");
  return (Number(hour) * 60 + Number(minute)) % DAY_MINUTES;
}

/** Day of the week, 0 for Monday, and minute of the day, in a time zone. */
function localTime(timeZone: string, atMs: number): { weekday: number; minute: number } {
  const format = new Intl.DateTimeFormat("en-GB", {
    ...{ timeZone, weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
  });
  const parts = new Map(format.formatToParts(atMs).map(({ type, value }) => [type, value]));
  const day = (parts.get("weekday") ?? "").toLowerCase();
  const minute = Number(parts.get("hour")) * 60 + Number(parts.get("minute"));
  return { weekday: DAYS.indexOf(day), minute };
}
