import { once } from "node:events";
import { availableParallelism } from "node:os";
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { type Causality, causalityViolations } from "./causality.ts";
import { type NewKindsResult, runNewKinds } from "./new-kinds.ts";
import { judgeStreams, type RunPlan, streamsOf } from "./run.ts";
import type { Verdict } from "./scorer.ts";
import { runSteady, type SteadyMix, type SteadyPlan, type SteadyResult } from "./steady.ts";

/** A part of the benchmark that needs nothing from any other: threads share the work. */
export type Job =
  | { readonly kind: "streams"; readonly name: string; readonly plan: RunPlan }
  | { readonly kind: "steady"; readonly mix: SteadyMix; readonly plan: SteadyPlan }
  | { readonly kind: "newKinds"; readonly seed: string }
  | { readonly kind: "causality"; readonly plan: RunPlan };

export type JobResult = { readonly seconds: number } & (
  | { readonly kind: "streams"; readonly verdict: Verdict; readonly notFinite: readonly string[] }
  | ({ readonly kind: "steady" } & SteadyResult)
  | ({ readonly kind: "newKinds" } & NewKindsResult)
  | ({ readonly kind: "causality" } & Causality)
);

const THREADS_MAX = 8;

/** Does all jobs on as many threads as there are cores, and returns what came of each, in their order. */
export async function runJobs(
  jobs: readonly Job[],
  onDone: (job: Job, result: JobResult) => void,
): Promise<JobResult[]> {
  const results: JobResult[] = [];
  const waiting = [...jobs.entries()];
  const threads = Math.min(availableParallelism(), THREADS_MAX, jobs.length);
  const work = async () => {
    const worker = new Worker(new URL(import.meta.url));
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [index, job] = next;
      worker.postMessage(job);
      const [result]: JobResult[] = await once(worker, "message"); // Rejects when the thread dies.
      if (result === undefined) throw new Error("a thread answered nothing");
      results[index] = result;
      onDone(job, result);
    }
    await worker.terminate();
  };
  await Promise.all(Array.from({ length: threads }, work));
  return results;
}

function runJob(job: Job): JobResult {
  const began = process.hrtime.bigint();
  const seconds = () => Number(process.hrtime.bigint() - began) / 1e9;
  switch (job.kind) {
    case "streams": {
      const done = judgeStreams(streamsOf(job.plan), job.plan);
      return { kind: job.kind, ...done, seconds: seconds() };
    }
    case "steady": {
      const done = runSteady(job.mix, job.plan);
      return { kind: job.kind, ...done, seconds: seconds() };
    }
    case "newKinds": {
      const done = runNewKinds(job.seed);
      return { kind: job.kind, ...done, seconds: seconds() };
    }
    case "causality": {
      const done = causalityViolations(job.plan);
      return { kind: job.kind, ...done, seconds: seconds() };
    }
    default:
      return job satisfies never;
  }
}

if (!isMainThread && parentPort !== null) {
  const port = parentPort;
  port.on("message", (job: Job) => port.postMessage(runJob(job)));
}
