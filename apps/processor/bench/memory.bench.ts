// Memory of `tracer start` at rest, processor and embedded database together: PSS, so that shared pages count
// once. Prints MB; exits 1 beyond the budget. Linux only: it reads /proc.
//   npx -y pnpm@12.21.0 bench:memory
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { startTracerProcess } from "../e2e/tracer-process.ts";

const BUDGET_MB = 200;
const REST_MS = 20_000;

function childrenOf(pid: number): number[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const children = pids.filter((name) => {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]) === pid;
    } catch {
      return false; // It has ended meanwhile.
    }
  });
  return children.map(Number).flatMap((child) => [child, ...childrenOf(child)]);
}

function pssMb(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  return Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1] ?? 0) / 1024;
}

await using tracer = await startTracerProcess({ LOG_LEVEL: "info" });
await pause(REST_MS);
const processor = pssMb(tracer.pid);
const database = childrenOf(tracer.pid).reduce((sum, pid) => sum + pssMb(pid), 0);
const total = processor + database;
process.stdout.write(
  `at rest: processor ${processor.toFixed(0)} MB + database ${database.toFixed(0)} MB = ${total.toFixed(0)} MB (budget ${BUDGET_MB})\n`,
);
if (total > BUDGET_MB) process.exitCode = 1;
