import { setTimeout as pause } from "node:timers/promises";
import { incidentIdOf } from "@tracer/core";
import { resolveByHand, resolveQuiet } from "@tracer/store";
import { passTime } from "@tracer/testkit";
import { fingerprintOfService } from "../keys.ts";
import type { Row, RowContext } from "../row.ts";
import { answerCounts, clearAndWait, servicesOf, sightAndWait, signalOf } from "../signals.ts";
import type { WorkerProcess } from "../worker-process.ts";

const BATCH = 20;
/** Both sides begin within this of each other. */
const JITTER_MS = 12;
const ANSWERED_MS_MAX = 30_000;

/** An end, by hand or because a detector was satisfied, while another detector sees the fault begin anew. */
export const resolveRace: Row = {
  name: "resolve-race",
  text: "a resolve, by hand or after a clear, racing a detection; trigger before resolve in each epoch, end state as told last",
  fullSize: 2_000,
  sliceSize: 40,
  unit: "races",
  fullMinutes: 4,
  movesTime: true,
  run: async (context) => {
    const first = await context.spawn();
    const second = await context.spawn();
    const problems: string[] = [];
    const ended = { count: 0 };
    let done = 0;
    while (context.goOn(done)) {
      const services = servicesOf("race", done, done + BATCH);
      const opened = await sightAndWait(
        context,
        first,
        services.map((one) => signalOf(one)),
      );
      if (!opened) problems.push(`${done}: not acknowledged`);
      const byHand = (done / BATCH) % 2 === 0;
      ended.count += await (byHand
        ? raceByHand(context, { first, second, services, problems })
        : raceAfterClear(context, { first, second, services, problems }));
      done += BATCH;
      context.progress(done);
    }
    const { rows } = await context.pool.query<{ again: number }>(
      "select count(*)::int as again from incidents where epoch > 1",
    );
    const figures = { "ended in the race": ended.count, "began anew": rows[0]?.again ?? 0 };
    if (figures["began anew"] === 0) problems.push("nothing began anew: no race was run");
    return { done, figures, problems };
  },
};

interface Race {
  /** Sees the old fault; the second one sees it begin. */
  readonly first: WorkerProcess;
  readonly second: WorkerProcess;
  readonly services: readonly string[];
  readonly problems: string[];
}

/** How many were ended by hand. */
async function raceByHand(context: RowContext, race: Race): Promise<number> {
  const { first, second, services, problems } = race;
  const { pool, random } = context;
  const before = answerCounts(context, services);
  const jitter = () => pause(random() * JITTER_MS);
  const resolving = services.map(async (service) => {
    await jitter();
    return resolveByHand(pool, incidentIdOf(fingerprintOfService(service), 1));
  });
  const seeing = services.map(async (service) => {
    await jitter();
    await first.tell({ do: "sight", signals: [signalOf(service)], atMs: null });
    const signals = [signalOf(service, { onsetAgeMs: 0 })];
    await second.tell({ do: "sight", signals, atMs: null });
  });
  await Promise.all(seeing);
  const ended = (await Promise.all(resolving)).filter(Boolean).length;
  const all = () =>
    answerCounts(context, services).every((count, index) => count > (before[index] ?? 0) + 1);
  if (!(await context.until(all, ANSWERED_MS_MAX))) problems.push(`${services[0]}: no answer`);
  return ended;
}

/** The first detector is satisfied; when the incident is due to end, the second sees the fault. How many ended. */
async function raceAfterClear(context: RowContext, race: Race): Promise<number> {
  const { first, second, services, problems } = race;
  const { pool, random, times, drained } = context;
  if (!(await clearAndWait(context, first, services))) problems.push(`${services[0]}: not cleared`);
  await drained(); // A lease that is moved into the past would be taken over.
  await passTime(pool, times.holdSeconds + times.clearSeconds + 1);
  const seeing = services.map(async (service) => {
    await pause(random() * JITTER_MS);
    const seen = await sightAndWait(context, second, [signalOf(service, { onsetAgeMs: 0 })]);
    if (!seen) problems.push(`${service}: no answer`);
  });
  await pause(random() * JITTER_MS);
  const ended = await resolveQuiet(pool);
  await Promise.all(seeing);
  return ended.length;
}
