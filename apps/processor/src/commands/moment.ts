const UNIT_MS: Readonly<Record<string, number>> = { s: 1e3, m: 60e3, h: 3_600e3, d: 86_400e3 };

/** What a person may write for a moment; for usage messages. */
export const MOMENT_FORMS =
  "2026-01-31T14:05:00Z, 14:05 (today or yesterday, local time), 1769868300, '10 min ago', now";

/**
 * Reads a moment as people write one, in ms since the epoch; null when it is none. A date without an offset
 * and a time of day are local; a time of day that is still to come was yesterday's.
 */
export function parseMoment(text: string, nowMs: number): number | null {
  const plain = text.trim();
  if (plain.toLowerCase() === "now") return nowMs;
  const ago = /^(\d+(?:\.\d+)?) *(s|m|h|d)[a-z]*(?: +ago)?$/i.exec(plain);
  if (ago !== null) {
    const unitMs = UNIT_MS[ago[2]?.toLowerCase() ?? ""] ?? 0;
    return inRange(nowMs - Number(ago[1]) * unitMs);
  }
  if (/^\d{9,10}$/.test(plain)) return Number(plain) * 1_000;
  if (/^\d{12,14}$/.test(plain)) return Number(plain);
  const clock = /^(\d{1,2}):(\d{2})(?::(\d{2}))?$/.exec(plain);
  if (clock !== null)
    return timeOfDay(
      clock.slice(1).map((part) => Number(part ?? 0)),
      nowMs,
    );
  if (!/^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}/i.test(plain)) return null;
  const parsed = Date.parse(plain.replace(" ", "T"));
  return Number.isFinite(parsed) ? inRange(parsed) : null;
}

function timeOfDay(parts: readonly number[], nowMs: number): number | null {
  const [hours = 0, minutes = 0, seconds = 0] = parts;
  if (hours > 23 || minutes > 59 || seconds > 59) return null;
  const day = new Date(nowMs);
  day.setHours(hours, minutes, seconds, 0);
  if (day.getTime() > nowMs) day.setDate(day.getDate() - 1);
  return day.getTime();
}

function inRange(ms: number): number | null {
  return ms >= 0 && ms < 253_402_300_800_000 ? Math.round(ms) : null;
}
