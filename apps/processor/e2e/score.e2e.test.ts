import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { seeded } from "./traffic.ts";

const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const START_MS = Date.UTC(2026, 0, 5);

function start() {
  const child = spawn(process.execPath, [MAIN, "score"], { stdio: ["pipe", "pipe", "pipe"] });
  const output = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output.stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (output.stderr += text));
  child.stdin.on("error", () => {}); // It may be gone before it has read everything.
  return { child, output };
}

async function score(input: string) {
  const { child, output } = start();
  child.stdin.end(input);
  const [code] = await once(child, "close");
  return { code, ...output, scores: output.stdout.split("\n").slice(0, -1) };
}

function series(rows: number): string[] {
  const random = seeded(5);
  return Array.from({ length: rows }, (_, row) => {
    const at = new Date(START_MS + row * 300_000).toISOString().slice(0, 19).replace("T", " ");
    return `${at},${(40 + 4 * random() + (row >= 1_500 ? 60 : 0)).toFixed(3)}`;
  });
}

test("one score a row, six digits, the same for a prefix, a header, CRLF and epochs", async () => {
  const rows = series(1_600);
  const plain = await score(`${rows.join("\n")}\n`);
  expect(plain.code).toBe(0);
  expect(plain.scores).toHaveLength(1_600);
  expect(plain.scores.filter((text) => !/^[01]\.\d{6}$/.test(text))).toEqual([]);
  const numbers = plain.scores.map(Number);
  expect(numbers.every((number) => number <= 1)).toBe(true);
  expect(numbers.indexOf(Math.max(...numbers))).toBe(1_500);

  const prefix = await score(rows.slice(0, 1_501).join("\n")); // No new line at the end.
  expect(prefix.scores).toEqual(plain.scores.slice(0, 1_501));
  const windows = await score(`\uFEFFtimestamp,value\r\n${rows.join("\r\n")}\r\n`);
  expect(windows.stdout).toBe(plain.stdout);
  for (const unit of [1, 1_000]) {
    const epochs = rows.map((row) => {
      const [time = "", value] = row.split(",");
      return `${Date.parse(`${time}Z`) / unit},${value}`;
    });
    expect((await score(epochs.join("\n"))).stdout).toBe(plain.stdout);
  }
});

test("a row that cannot be read scores 0, is counted, and changes no other score", async () => {
  const good = series(60);
  const plain = await score(good.join("\n"));
  const bad = [
    "",
    ",",
    "2026-01-05 01:00:00,",
    "2026-01-05 01:00:00,NaN",
    "x,Infinity",
    "nonsense",
  ];
  const mixed = await score([...good.slice(0, 30), ...bad, ...good.slice(30)].join("\n"));
  expect(mixed.code).toBe(0);
  expect(mixed.stderr).toBe("6 of 66 rows had no value to score.\n");
  expect(mixed.scores.slice(30, 36)).toEqual(bad.map(() => "0.000000"));
  expect([...mixed.scores.slice(0, 30), ...mixed.scores.slice(36)]).toEqual(plain.scores);

  const first = await score(`2026-01-05 00:00:00,NaN\n${good.join("\n")}`);
  expect(first.scores).toEqual(["0.000000", ...plain.scores]); // A missing value is no header.
  expect((await score("time,load\n,\n")).code).toBe(1);
  expect(await score("")).toMatchObject({ code: 0, stdout: "", stderr: "" });
});

test("a row longer than any row may be takes no memory and one score", async () => {
  const good = series(20).join("\n");
  const long = await score(`${"7".repeat(3_000_000)}\n${good}`);
  expect(long.scores).toHaveLength(21);
  expect(long.stderr).toBe("1 of 21 rows had no value to score.\n");
});

test("a score is out before the next row comes", async () => {
  const { child, output } = start();
  for (const [index, row] of series(5).entries()) {
    child.stdin.write(`${row}\n`);
    while (output.stdout.split("\n").length <= index + 1) await once(child.stdout, "data");
  }
  child.stdin.end();
  expect(await once(child, "close")).toEqual([0, null]);
  expect(output.stdout.split("\n")).toHaveLength(6);
});

test("a reader that has seen enough ends it quietly", async () => {
  const { child, output } = start();
  const closed = once(child, "close");
  const body = `${series(1_600).join("\n")}\n`;
  child.stdin.write(body);
  await once(child.stdout, "data");
  child.stdout.destroy();
  for (let more = 0; more < 20; more += 1) child.stdin.write(body);
  child.stdin.end();
  await closed;
  expect(output.stderr).toBe("");
});
