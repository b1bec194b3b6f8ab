import { setTimeout as pause } from "node:timers/promises";
import { incidentIdOf } from "@tracer/core";
import { digestProblems, readDigestMembers } from "../digest-check.ts";
import { fingerprintOfService } from "../keys.ts";
import { percentile } from "../percentile.ts";
import type { Row } from "../row.ts";

const BATCH = 50;

/** Thousands of keys within seconds, seen by four processors; every one is told, in a message or in a digest. */
export const storm: Row = {
  name: "storm",
  text:
    "storm of 5,000 keys in 10 s ×5, each seen by two of four processors: each is told, alone or in a " +
    "digest that names or counts every incident of it, the critical ones first",
  fullSize: 25_000,
  sliceSize: 200,
  unit: "keys",
  fullMinutes: 10,
  // Digests as in the product; nothing ends meanwhile, however long the machine takes.
  times: { digestDueMin: 20, quietSeconds: 86_400 },
  run: async (context) => {
    const { isSlice, spawn, goOn, progress, size, sink } = context;
    const keysEach = isSlice ? size : 5_000;
    const stormMs = isSlice ? 400 : 10_000;
    const workers = await Promise.all(Array.from({ length: isSlice ? 2 : 4 }, () => spawn()));
    const begunMs = new Map<string, number>(); // By incident.
    const problems: string[] = [];
    let done = 0;
    while (goOn(done)) {
      const startMs = performance.now();
      for (let key = 0; key < keysEach; key += BATCH) {
        const services = Array.from({ length: BATCH }, (_, index) => `storm-${done + index}`);
        for (const service of services) {
          begunMs.set(incidentIdOf(fingerprintOfService(service), 1), Date.now());
        }
        const severity = (done / BATCH) % 10 === 9 ? "critical" : "error";
        const signals = services.map(
          (service) => ({ service, onsetAgeMs: 40_000, severity }) as const,
        );
        for (const seer of [done / BATCH, done / BATCH + 1]) {
          void workers[seer % workers.length]?.tell({ do: "sight", signals, atMs: null });
        }
        done += BATCH;
        progress(done);
        const dueMs = startMs + ((key + BATCH) / keysEach) * stormMs;
        await pause(Math.max(0, dueMs - performance.now()));
      }
      const all = () => context.ledger.outcomes.size === done;
      if (!(await context.until(all, 60_000))) problems.push("not all keys were acknowledged");
      if (!(await context.drained())) problems.push("not all was told");
    }
    problems.push(...digestProblems(await readDigestMembers(context.pool), sink.effects));
    const tellingMs = sink.effects.flatMap(({ incidentId, atMs }) => {
      const fromMs = begunMs.get(incidentId);
      return fromMs === undefined ? [] : [atMs - fromMs];
    });
    const figures = {
      "messages and events": sink.effects.length,
      "digests among them": sink.effects.filter(({ incidentId }) => incidentId === "").length,
      "told alone after p99, ms": Math.round(percentile(tellingMs, 0.99)),
    };
    return { done, problems, figures, epochsOf: () => 1 };
  },
};
