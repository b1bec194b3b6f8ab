import { expect, test } from "vitest";
import { Progress } from "./progress.ts";

function shown(isTTY: boolean, totalBytes: number | null) {
  const written: string[] = [];
  const time = { nowMs: 1_000 };
  const clock = { monotonicMs: () => time.nowMs, wallMs: () => 0 };
  const out = { write: (text: string) => written.push(text), isTTY };
  const progress = new Progress({ out, clock, totalBytes });
  const at = (ms: number, bytes: number, records: number) => {
    time.nowMs = 1_000 + ms;
    progress.update(bytes, records);
  };
  return { written, progress, at };
}

test("a terminal gets a bar with rate and time left, not at once, and it goes away", () => {
  const { written, progress, at } = shown(true, 4_000_000);
  at(399, 400_000, 4_000);
  expect(written).toEqual([]);
  at(1_000, 1_000_000, 10_000);
  at(1_050, 1_100_000, 11_000);
  expect(written).toHaveLength(1);
  expect(written[0]).toContain(
    `${"█".repeat(6)}${"░".repeat(18)} 25 %  10,000 records, 10,000/s, 3 s`,
  );
  progress.end();
  expect(written.at(-1)).toBe("\r\u001b[K");
});

test("elsewhere a line each five seconds, and nothing when quick", () => {
  const { written, progress, at } = shown(false, null);
  at(4_999, 1_000_000, 10_000);
  progress.end();
  expect(written).toEqual([]);
  at(5_000, 2_000_000, 20_000);
  at(9_000, 3_000_000, 30_000);
  expect(written).toEqual(["Reading  2 MB  20,000 records, 4,000/s\n"]);
});
