import { spawn } from "node:child_process";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { seeded } from "./traffic.ts";

const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const START_MS = Date.UTC(2026, 0, 5);
const HOUR_MS = 3_600_000;
const FAULT_MS = START_MS + 4 * HOUR_MS;
const YEAR_MS = 365 * 24 * HOUR_MS;
const HOSTILE = `pay"><img src=x onerror=alert(1)>`;

/** Lines of six hours in order of time: three services, one of which fails for ten minutes. */
function past(): string[] {
  const random = seeded(7);
  const records: { atMs: number; line: string }[] = [];
  const services = [
    { service: HOSTILE, perMinute: 40, share: 0.02 },
    { service: "search", perMinute: 30, share: 0.01 },
    { service: "mail", perMinute: 10, share: 0.01 },
  ];
  for (const { service, perMinute, share } of services) {
    for (let minute = 0; minute < 360; minute += 1) {
      for (let record = 0; record < perMinute; record += 1) {
        const atMs = START_MS + minute * 60_000 + Math.floor(random() * 60_000);
        const faulty = service === HOSTILE && atMs >= FAULT_MS && atMs < FAULT_MS + 600_000;
        const failed = random() < (faulty ? 0.35 : share);
        const message = failed ? "<script>alert(2)</script> card declined" : "order placed";
        const level = failed ? "error" : "info";
        const time = new Date(atMs).toISOString();
        records.push({ atMs, line: JSON.stringify({ time, level, service, message }) });
      }
    }
  }
  return records.sort((left, right) => left.atMs - right.atMs).map(({ line }) => line);
}

const SPIKE_ROW = 1_500;

/** Two columns of numbers, one row without any, one spike. */
function metricCsv(): string {
  const random = seeded(9);
  const rows = Array.from({ length: 2_000 }, (_, row) => {
    const cpu = row === SPIKE_ROW ? 812 : 120 + 20 * (random() - random());
    const time = new Date(START_MS + row * 300_000).toISOString();
    return `${time},${cpu.toFixed(2)},${(4_000 + 100 * (random() - random())).toFixed(1)}`;
  });
  return ["timestamp,cpu,<b>memory</b>", ...rows, "2026-01-12T00:00:00Z,,"].join("\n");
}

async function backtest(args: readonly string[], stdinPath?: string) {
  const child = spawn(process.execPath, [MAIN, "backtest", ...args], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  const output = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output.stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (output.stderr += text));
  child.stdin.on("error", () => {});
  if (stdinPath === undefined) child.stdin.end();
  else createReadStream(stdinPath, { highWaterMark: 7_777 }).pipe(child.stdin);
  const [code] = await once(child, "close");
  return { code, ...output };
}

describe.concurrent("tracer backtest", () => {
  const lines = past();
  let folder = "";
  let plain = "";
  let plainReport = "";

  async function file(name: string, content: string | Uint8Array): Promise<string> {
    const path = join(folder, name);
    await writeFile(path, content);
    return path;
  }

  async function reportOf(args: readonly string[], stdinPath?: string) {
    const { code, stdout, stderr } = await backtest([...args, "--json"], stdinPath);
    expect(code, stderr).toBe(0);
    return { text: stdout, report: JSON.parse(stdout) };
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "tracer-backtest-"));
    plain = await file("past.log", `${lines.join("\n")}\n`);
    plainReport = (await reportOf([plain])).text;
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test("finds the fault, and nothing else", () => {
    const report = JSON.parse(plainReport);
    expect(report.parse).toMatchObject({
      ...{ records: lines.length, rejected: 0, late: 0, future: 0, withoutTime: 0, services: 3 },
    });
    expect(report.alerts).toMatchObject({ total: 1, open: 0, unlisted: 0 });
    expect(report.alerts.perWeek).toBeCloseTo(28, 0);
    const [first, ...others] = report.services;
    expect(others.map(({ alerts }: { alerts: unknown[] }) => alerts)).toEqual([[], []]);
    expect(first).toMatchObject({ service: HOSTILE, alerts: [{ kind: "error", part: "" }] });
    const [alert] = first.alerts;
    expect(Date.parse(alert.since) - FAULT_MS).toBeLessThanOrEqual(60_000);
    expect(Date.parse(alert.decided) - FAULT_MS).toBeLessThanOrEqual(120_000);
    expect(Date.parse(alert.until) - FAULT_MS - 600_000).toBeLessThanOrEqual(300_000);
    expect(alert.examples[0]).toContain("card declined");
    expect(alert.evidence.evidence).toBeGreaterThanOrEqual(alert.evidence.bar);
    expect(first.learnedAt > first.from && first.learnedAt < alert.since).toBe(true);
  });

  test("gzip, zstd and stdin, told by their bytes, give the same report", async () => {
    const bytes = await readFile(plain);
    const half = bytes.indexOf(0x0a, bytes.length / 2) + 1;
    const parts = [bytes.subarray(0, half), bytes.subarray(half)];
    const gzip = await file("gzip.log", gzipSync(bytes));
    const members = await file("members.gz", Buffer.concat(parts.map((part) => gzipSync(part))));
    const zstd = await file("zstd.log", zstdCompressSync(bytes));
    const frames = await file(
      "frames.zst",
      Buffer.concat(parts.map((part) => zstdCompressSync(part))),
    );
    for (const path of [gzip, zstd, frames]) {
      expect((await reportOf([path])).text, path).toBe(plainReport);
    }
    for (const path of [plain, members, frames]) {
      expect((await reportOf(["-"], path)).text, `${path} on stdin`).toBe(plainReport);
    }
  });

  test("an array, objects over many lines and several files say the same of the services", async () => {
    const { services } = JSON.parse(plainReport);
    const array = await file("array.json", `[${lines.join(",\n")}]`);
    expect((await reportOf([array])).report.services).toEqual(services);
    const pretty = lines.map((line) => JSON.stringify(JSON.parse(line), null, 2)).join("\n");
    expect((await reportOf([await file("pretty.json", pretty)])).report.services).toEqual(services);
    const cut = Math.floor(lines.length / 3);
    const first = await file("1.log", lines.slice(0, cut).join("\n"));
    const second = await file("2.log", `${lines.slice(cut).join("\n")}\n`);
    expect((await reportOf([first, second])).report.services).toEqual(services);
  });

  test("wrong dates, broken lines and late records are counted, and change no alert", async () => {
    const { services } = JSON.parse(plainReport);
    const ahead = { time: START_MS + YEAR_MS, service: "search", message: "x" };
    const behind = { time: START_MS, service: "search", message: "x" };
    const odd = [...lines];
    odd.splice(20_000, 0, JSON.stringify(ahead), '{"cut off', JSON.stringify(behind));
    const { report } = await reportOf([await file("odd.log", `banner\n${odd.join("\n")}\n`)]);
    expect(report.parse).toMatchObject({ future: 1, late: 1, rejected: 2 });
    const [banner, cutOff] = report.parse.problems;
    expect([banner.input, banner.record, cutOff.record]).toEqual([1, 1, 20_003]);
    const alertsOf = (list: { alerts: unknown }[]) => list.map(({ alerts }) => alerts);
    expect(alertsOf(report.services)).toEqual(alertsOf(services));
  });

  test("--fail-on: 3 when it holds, 0 when not, 2 when it is no condition", async () => {
    const failing = await backtest([plain, "--fail-on", "alerts>0"]);
    expect([failing.code, failing.stderr]).toEqual([3, "--fail-on: alerts>0 holds.\n"]);
    expect(await backtest([plain, "--fail-on", "alerts>1", "rejected>0"])).toMatchObject({
      ...{ code: 0, stderr: "" },
    });
    const wrong = await backtest([join(folder, "none"), "--fail-on", "alerts>>1"]);
    expect([wrong.code, wrong.stdout, wrong.stderr.includes("alerts>>1")]).toEqual([2, "", true]);
    expect((await backtest([])).code).toBe(2);
  });

  test("what cannot be read: 1, and its name", async () => {
    const damaged = await file("damaged.gz", gzipSync(await readFile(plain)).subarray(0, 5_000));
    for (const path of [join(folder, "missing.log"), folder, damaged]) {
      const { code, stdout, stderr } = await backtest([path]);
      expect([code, stdout, stderr.includes(`${path}: `)]).toEqual([1, "", true]);
    }
    const empty = await backtest([await file("empty.log", "")]);
    expect([empty.code, empty.stderr]).toEqual([1, "There were no log records.\n"]);
    const timeless = await backtest([await file("timeless.log", '{"service":"a"}\n')]);
    expect([timeless.code, timeless.stderr.startsWith("No record has a time")]).toEqual([1, true]);
    const text = await backtest([await file("plain.txt", "[12:00] up\nhello\n")]);
    expect([text.code, text.stderr]).toEqual([1, "None of 2 records could be read.\n"]);
  });

  test("numbers: a spike in one of two columns, in every dress the file may wear", async () => {
    const { text, report } = await reportOf([await file("load.csv", metricCsv())]);
    expect(report).toMatchObject({
      ...{ version: 1, input: "metrics", alerts: { total: 1, open: 0 }, servicesUnlisted: 0 },
      parse: { records: 2_000, withoutValue: 1, rejected: 0, services: 2 },
    });
    const [cpu, memory] = report.services;
    expect([cpu.service, memory.service, memory.alerts]).toEqual(["cpu", "<b>memory</b>", []]);
    const [alert] = cpu.alerts;
    expect(alert).toMatchObject({
      kind: "metric",
      part: "cpu",
      severity: "warning",
      rule: "metric",
    });
    expect(alert.since).toBe(new Date(START_MS + SPIKE_ROW * 300_000).toISOString());
    expect(alert.evidence).toMatchObject({ unit: "number", observed: 812 });
    expect(alert.evidence.expectedHigh).toBeLessThan(160);
    expect(alert.evidence.sparkline.at(-1)).toBe(812);
    expect(alert.evidence.sentence).toMatch(/^value 812/);
    expect(alert.evidence.evidence).toBeGreaterThanOrEqual(alert.evidence.bar);
    const gzip = await file("load.csv.gz", gzipSync(metricCsv()));
    const zstd = await file("load.zst", zstdCompressSync(metricCsv()));
    for (const path of [gzip, zstd]) expect((await reportOf([path])).text, path).toBe(text);
    expect((await reportOf(["-"], join(folder, "load.csv"))).text).toBe(text);
  });

  test("numbers: text, page, --fail-on, --threshold; nothing to judge; both kinds at once", async () => {
    const path = await file("metric.csv", metricCsv());
    const page = join(folder, "metric.html");
    const failing = await backtest([path, "--html", page, "--fail-on", "alerts>0"]);
    expect([failing.code, failing.stderr]).toEqual([3, "--fail-on: alerts>0 holds.\n"]);
    expect(failing.stdout).toContain("2,000 rows of 2 series");
    expect(failing.stdout).toContain("1 row without a value");
    expect(failing.stdout).toMatch(/warning metric {2}at 2026-01-/);
    const html = await readFile(page, "utf8");
    expect(html).not.toMatch(/<script|<img|<b>|https?:|url\(|NaN|Infinity|undefined/i);
    expect(html).toContain("&lt;b&gt;memory");
    expect(html.match(/<svg /g)).toHaveLength(2);
    expect(html.match(/class="band-chart-mark /g)).toHaveLength(1);

    expect((await backtest([path, "--threshold", "0.99", "--fail-on", "alerts>0"])).code).toBe(0);
    for (const wrong of ["0", "1"])
      expect((await backtest([path, "--threshold", wrong])).code).toBe(2);
    const gaps = await backtest([await file("gaps.csv", "timestamp,value\n2026-01-05,\n")]);
    expect([gaps.code, gaps.stderr]).toEqual([1, "None of 1 rows had a value to judge.\n"]);
    const header = await backtest([await file("header.csv", "timestamp,value\n")]);
    expect([header.code, header.stderr]).toEqual([1, "There were no rows.\n"]);
    for (const both of [
      [plain, path],
      [path, plain],
      [path, "-"],
    ]) {
      const { code, stdout, stderr } = await backtest(both, plain);
      expect([code, stdout, stderr.includes("one backtest reads either")]).toEqual([2, "", true]);
    }
  });

  test("--rules: what decides, and said with each alert", async () => {
    const rules = "z_score,ewma,rate_of_change,median_mad";
    const { report } = await reportOf([plain, "--rules", rules]);
    const [first] = report.services;
    expect(first.alerts.length).toBeGreaterThan(0);
    expect(rules.split(",")).toEqual(
      expect.arrayContaining(first.alerts.map(({ rule }: { rule: string }) => rule)),
    );
    const { report: robust } = await reportOf([plain, "--rules", "median_mad"]);
    expect(robust.services[0].alerts).toMatchObject([{ kind: "error", rule: "median_mad" }]);
    expect(JSON.parse(plainReport).services[0].alerts[0].rule).toBe("evidence");
    const wrong = await backtest([plain, "--rules", "zscore"]);
    expect([wrong.code, wrong.stdout, wrong.stderr.includes("z_score")]).toEqual([2, "", true]);
  });

  test("text for people: no colour, no control characters, one alert with its sentence", async () => {
    const { code, stdout } = await backtest([plain]);
    expect(code).toBe(0);
    expect(stdout.replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);
    expect(stdout).toMatch(/of records are errors, .* expected/);
    expect(stdout).toContain("learning until 2026-01-05 00:");
    expect(stdout).toContain("1 alert (28 a week at this rate)");
  });

  test("--html: one file, nothing loaded, no text of the logs as markup", async () => {
    const path = join(folder, "report.html");
    expect((await backtest([plain, "--html", path])).code).toBe(0);
    const html = await readFile(path, "utf8");
    expect(html).not.toMatch(/<script|<img|https?:|url\(|@import|<link/i);
    expect(html.replace(/"[^"]*"/g, '""')).not.toMatch(/<[^>]*\son\w+=/i);
    expect(html).toContain("&lt;script&gt;alert(2)&lt;/script&gt; card declined");
    expect(html).toContain("default-src 'none'");
    expect(html.match(/<svg /g)).toHaveLength(6);
    expect(html.match(/<details class="data">/g)).toHaveLength(3);
    expect(html.match(/class="band-chart-mark /g)).toHaveLength(2);
    expect(html).not.toMatch(/NaN|Infinity|undefined/);
    const unwritable = await backtest([plain, "--html", join(folder, "no", "r.html")]);
    expect([unwritable.code, unwritable.stderr.includes("r.html")]).toEqual([1, true]);
  });
});
