const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** Reads a length of time as people write one, such as `90s`, `2h` or `1d12h`, in seconds; null when it is none. */
export function parseDurationSeconds(text: string): number | null {
  const plain = text.trim().toLowerCase();
  if (!/^(?:\d{1,9}[smhd])+$/.test(plain)) return null;
  let seconds = 0;
  for (const [, count = "", unit = ""] of plain.matchAll(/(\d+)([smhd])/g)) {
    seconds += Number(count) * (UNIT_SECONDS[unit] ?? 0);
  }
  return seconds > 0 ? seconds : null;
}
