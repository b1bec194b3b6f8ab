import { passTime } from "@tracer/testkit";
import { fingerprintOfService } from "../keys.ts";
import type { WorkerSetup } from "../protocol.ts";
import type { Row, RowContext } from "../row.ts";
import { clearAndWait, servicesOf, sightAndWait, signalOf } from "../signals.ts";
import type { WorkerProcess } from "../worker-process.ts";

const HOUR_MS = 3_600_000;
const still = { stepMs: 0, stepEveryMs: 1_000 };

/** The first is right: the others must decide as it does. */
const CLOCKS: Readonly<Record<string, WorkerSetup["clock"]>> = {
  right: { skewMs: 0, ...still },
  "ahead-3s": { skewMs: 3_000, ...still },
  "behind-3s": { skewMs: -3_000, ...still },
  "ahead-1h": { skewMs: HOUR_MS, ...still },
  "behind-1h": { skewMs: -HOUR_MS, ...still },
  stepping: { skewMs: 0, stepMs: HOUR_MS, stepEveryMs: 170 },
};
const NAMES = Object.keys(CLOCKS);

const BATCH = 50;
/** What a life comes to: opened, seen again, graver, seen again; over; the old onset, and a new one. */
const EXPECTED = "created duplicate escalated duplicate late created";

/** Processors whose date is wrong live through the same incidents as one whose date is right. */
export const clocks: Row = {
  name: "clocks",
  text: `process clocks ${NAMES.slice(1).join(", ")}; same decisions as with the right one`,
  fullSize: 1_000,
  sliceSize: 4,
  unit: "keys of each clock",
  fullMinutes: 4,
  movesTime: true,
  run: async (context) => {
    const workers = await Promise.all(NAMES.map((name) => spawnWith(context, name)));
    const problems: string[] = [];
    let done = 0;
    while (context.goOn(done)) {
      const to = Math.min(context.size, done + BATCH);
      const lives = await liveThrough(context, workers, { from: done, to });
      problems.push(...lives, ...differences(context, { from: done, to }));
      done = to;
      context.progress(done);
    }
    const figures = { decisions: done * NAMES.length * EXPECTED.split(" ").length };
    return { done, figures, problems, epochsOf: () => 2 };
  },
};

function spawnWith(context: RowContext, name: string): Promise<WorkerProcess> {
  const { right } = CLOCKS;
  return context.spawn({ clock: CLOCKS[name] ?? right ?? { skewMs: 0, ...still } });
}

interface Range {
  readonly from: number;
  readonly to: number;
}

async function liveThrough(
  context: RowContext,
  workers: readonly WorkerProcess[],
  { from, to }: Range,
): Promise<string[]> {
  const { pool, times, drained, until } = context;
  const servicesOfWorker = NAMES.map((name) => servicesOf(name, from, to));
  const problems: string[] = [];
  const all = async (
    act: (worker: WorkerProcess, services: readonly string[]) => Promise<boolean>,
  ) => {
    const answers = await Promise.all(
      workers.map((worker, index) => act(worker, servicesOfWorker[index] ?? [])),
    );
    if (answers.includes(false)) problems.push(`${from}: not all were answered`);
  };
  const sightAll = (changes: Parameters<typeof signalOf>[1]) =>
    all((worker, services) =>
      sightAndWait(
        context,
        worker,
        services.map((service) => signalOf(service, changes)),
      ),
    );
  await sightAll({});
  await sightAll({});
  await sightAll({ severity: "critical" });
  await sightAll({ severity: "critical" });
  await all((worker, services) => clearAndWait(context, worker, services));
  await drained(); // A lease that is moved into the past would be taken over.
  await passTime(pool, times.holdSeconds + times.clearSeconds + 1);
  if (!(await until(() => noneOpen(context), 20_000))) problems.push(`${from}: not all ended`);
  await sightAll({ severity: "critical" });
  await sightAll({ severity: "critical", onsetAgeMs: 0 });
  await drained();
  return problems;
}

/** None of those that were cleared is open. */
async function noneOpen({ pool }: RowContext): Promise<boolean> {
  const { rowCount } = await pool.query(
    "select from incidents where state = 'open' and cleared_at is not null limit 1",
  );
  return rowCount === 0;
}

function differences({ ledger }: RowContext, { from, to }: Range): string[] {
  const lifeOf = (service: string) =>
    ledger.outcomes.get(fingerprintOfService(service))?.join(" ") ?? "nothing";
  return NAMES.flatMap((name) => servicesOf(name, from, to))
    .filter((service) => lifeOf(service) !== EXPECTED)
    .map((service) => `${service}: ${lifeOf(service)}`);
}
