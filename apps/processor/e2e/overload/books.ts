import { readFileSync } from "node:fs";
import { until } from "../traffic.ts";
import type { CrowdLedger } from "./crowd.ts";

/** All values of a metric, summed over its labels that hold `label`. */
export async function metricSum(url: string, name: string, label = ""): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return text
    .split("\n")
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .filter((line) => line.includes(label))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}

/** `tracer_records_total` of what was accepted, when nothing is on its way any more. */
export async function acceptedAtRest(url: string): Promise<number> {
  await until("nothing in flight", 60_000, async () => {
    return (await metricSum(url, "tracer_ingest_in_flight_bytes")) === 0;
  });
  return metricSum(url, "tracer_records_total", 'result="accepted"');
}

/**
 * What is wrong with the books; empty when they agree: all that was acknowledged is counted, and beyond it at
 * most what was sent whole and never answered. No answer but success, 429 and 503.
 */
export function problemsOf(ledger: CrowdLedger, acknowledgedBeside: number, counted: number) {
  const problems: string[] = [];
  const least = ledger.acknowledged + acknowledgedBeside;
  if (ledger.acknowledged === 0) problems.push("nothing was acknowledged: nothing was looked at");
  if (counted < least) problems.push(`${least} were acknowledged, and only ${counted} counted`);
  if (counted > least + ledger.unknown) {
    problems.push(`${counted} were counted, ${least} acknowledged, ${ledger.unknown} unknown`);
  }
  for (const [status, answers] of Object.entries(ledger.statuses)) {
    if (status !== "429" && status !== "503") problems.push(`${answers} answers were ${status}`);
  }
  if (ledger.rudeRefusals > 0) problems.push(`${ledger.rudeRefusals} refusals without Retry-After`);
  if (ledger.broken > 0) {
    const why = JSON.stringify(ledger.brokenBy);
    problems.push(`${ledger.broken} connections broke that nobody cut: ${why}`);
  }
  return problems;
}

/** Resident memory of a process in MB. Linux only. */
export function residentMb(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? Number.NaN) / 1024;
}
