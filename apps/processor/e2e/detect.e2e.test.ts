import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { seeded, traffic } from "./traffic.ts";

const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const START_MS = Date.UTC(2026, 0, 5);
const HOUR_MS = 3_600_000;

async function detect(input: string, args: readonly string[] = []): Promise<string> {
  const child = spawn(process.execPath, [MAIN, "detect", ...args], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const [code] = await once(child, "close");
  expect(code).toBe(0);
  return output;
}

test("event time alone decides: one incident, deterministic, and a prefix gives a prefix", async () => {
  const random = seeded(11);
  const shape = { service: "checkout", perMinute: 100, random };
  const faultMs = START_MS + 2 * HOUR_MS;
  const input =
    traffic({ ...shape, fromMs: START_MS, toMs: faultMs, errorShare: 0.02 }) +
    traffic({ ...shape, fromMs: faultMs, toMs: faultMs + 600_000, errorShare: 0.3 }) +
    traffic({ ...shape, fromMs: faultMs + 600_000, toMs: faultMs + HOUR_MS, errorShare: 0.02 });
  const output = await detect(input);
  const decisions = output
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(decisions).toMatchObject([
    { service: "checkout", cls: "error", state: "open" },
    { service: "checkout", cls: "error", state: "resolved" },
  ]);
  const openedMs = Date.parse(decisions[0].ts);
  expect(openedMs).toBeGreaterThan(faultMs);
  expect(openedMs).toBeLessThanOrEqual(faultMs + 60_000);
  expect(Date.parse(decisions[1].ts)).toBeLessThanOrEqual(faultMs + 600_000 + 300_000);

  const lines = input.split("\n");
  for (const share of [0.3, 0.72, 0.8, 0.95]) {
    const prefix = `${lines.slice(0, Math.floor(lines.length * share)).join("\n")}\n`;
    expect(output.startsWith(await detect(prefix)), `prefix ${share}`).toBe(true);
  }
});

test("--counts: a record stands for its count", async () => {
  const lines: string[] = [];
  for (let step = 0; step < 6 * 90; step += 1) {
    const ts = START_MS + step * 10_000;
    const errors = step >= 6 * 80 ? 300 : 20;
    lines.push(JSON.stringify({ ts, service: "api", level: "info", count: 1_000 - errors }));
    lines.push(JSON.stringify({ ts, service: "api", level: "error", count: errors }));
  }
  const output = await detect(`${lines.join("\n")}\n`, ["--counts"]);
  const decisions = output
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(decisions).toMatchObject([{ service: "api", cls: "error", state: "open" }]);
});
