import { openPool, type Pool, sight } from "@tracer/store";
import { aSighting } from "@tracer/testkit";
import { undoneCount } from "../database-book.ts";
import { keyOf } from "../keys.ts";
import type { Row, RowContext } from "../row.ts";
import type { WorkerProcess } from "../worker-process.ts";

const CONNECTIONS = 16;
const PROCESSES = 8;
/** Rounds in hand at once; each has a key of its own. */
const AT_ONCE = 2;
/** So many rounds of connections for one of processes. */
const ROUNDS_PER_PROCESS_ROUND = 10;
/** Workers that send, too. */
const DISPATCHERS = 3;
const ROUNDS_PER_LOOK = 50;
const UNDONE_MAX = 1_000;
const CAUGHT_UP_MS_MAX = 600_000;
/** From the order to the millisecond at which all begin. */
const BARRIER_MS = 25;
const ACKNOWLEDGED_MS_MAX = 20_000;

/** One key, sighted by all at once: one is told that it has created the incident. */
export const sameKey: Row = {
  name: "same-key",
  text: `N processors, same key, same millisecond: ${CONNECTIONS} connections, and ${PROCESSES} processes each tenth round; 1 created a round`,
  fullSize: 10_000,
  sliceSize: 40,
  unit: "rounds",
  fullMinutes: 13,
  times: { quietSeconds: 86_400 }, // Nothing ends meanwhile, however long the machine takes.
  run: async (context) => {
    const { connectionString, goOn, progress, isSlice, ledger } = context;
    const pool = openPool({
      connectionString,
      connectionsMax: CONNECTIONS * AT_ONCE,
      patient: true,
    });
    try {
      await warm(pool);
      const workers = await Promise.all(
        Array.from({ length: isSlice ? 4 : PROCESSES }, (_, index) =>
          context.spawn({ dispatches: index < DISPATCHERS }),
        ),
      );
      const problems: string[] = [];
      let done = 0;
      let byProcesses = 0;
      while (goOn(done)) {
        const rounds = Array.from({ length: AT_ONCE }, (_, index) => `same-${done + index}`);
        await Promise.all(rounds.map((service) => byConnections(context, pool, service)));
        done += AT_ONCE;
        // As many as are told meanwhile: what waits at the end would be waited for there.
        if (done % ROUNDS_PER_LOOK === 0) await caughtUp(context);
        if (done % ROUNDS_PER_PROCESS_ROUND === 0) {
          byProcesses += 1;
          problems.push(...(await byWorkers(context, workers, `apart-${byProcesses}`)));
        }
        progress(done);
      }
      const rounds = done + byProcesses;
      const created = [...ledger.created.values()].reduce((sum, times) => sum + times, 0);
      if (created !== rounds) problems.push(`${created} created in ${rounds} rounds`);
      const figures = { created, "rounds of processes": byProcesses };
      return { done, figures, problems, epochsOf: () => 1 };
    } finally {
      await pool.end();
    }
  },
};

async function caughtUp({ pool, until }: RowContext): Promise<void> {
  await until(async () => (await undoneCount(pool)) < UNDONE_MAX, CAUGHT_UP_MS_MAX);
}

async function warm(pool: Pool): Promise<void> {
  const clients = await Promise.all(
    Array.from({ length: CONNECTIONS * AT_ONCE }, () => pool.connect()),
  );
  for (const client of clients) client.release();
}

async function byConnections(context: RowContext, pool: Pool, service: string): Promise<void> {
  const { ledger, sink, times } = context;
  const options = { ...times, channels: sink.channels.map(({ name }) => name) };
  const one = { ...aSighting(), key: keyOf(service) };
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      for (const result of await sight(pool, [one], options)) ledger.sighted(result);
    }),
  );
}

async function byWorkers(
  { ledger, until }: RowContext,
  workers: readonly WorkerProcess[],
  service: string,
): Promise<string[]> {
  const answers = () => [...ledger.outcomes.values()].reduce((sum, list) => sum + list.length, 0);
  const before = answers();
  const atMs = performance.timeOrigin + performance.now() + BARRIER_MS;
  const signals = [{ service, onsetAgeMs: 40_000, severity: "error" } as const];
  await Promise.all(workers.map((worker) => worker.tell({ do: "sight", signals, atMs })));
  const all = await until(() => answers() === before + workers.length, ACKNOWLEDGED_MS_MAX);
  return all ? [] : [`${service}: ${answers() - before} of ${workers.length} were answered`];
}
