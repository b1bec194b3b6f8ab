import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { z } from "zod";

const SCRIPT = fileURLToPath(new URL("./idle-memory.ts", import.meta.url));
const Held = z.object({
  ...{ empty: z.number(), full: z.number(), after: z.number(), again: z.number() },
  ...{ seriesAfter: z.number(), others: z.number() },
});

// Goal: services that fall silent give their memory and their place back. Method: a process of its own whose heap is
// measured after a collection, on a simulated clock.
test("100,000 services, then silence: memory returns, and as many new ones find room", async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ["--expose-gc", SCRIPT]);
  const { empty, full, after, seriesAfter, again, others } = Held.parse(JSON.parse(stdout));
  expect(full - empty).toBeGreaterThan(50); // Else nothing was looked at.
  expect(seriesAfter).toBe(1);
  expect((after - empty) / (full - empty)).toBeLessThan(0.25);
  expect((again - empty) / (full - empty)).toBeLessThan(1.25); // No leak from one flood to the next.
  expect(others).toBeLessThanOrEqual(2); // The one that stays takes a place of each hundred thousand.
});
