import { setTimeout as pause } from "node:timers/promises";
import { fingerprintOfService } from "../keys.ts";
import { pick } from "../random.ts";
import type { Row, RowContext } from "../row.ts";
import type { WorkerProcess } from "../worker-process.ts";

const KILL_MS = 500;
/** Keys that wait to be told of at once: about what the sink's history shows, far from a storm. */
const OUTSTANDING_MAX = 150;
const BATCH = 5;
const BATCH_MS = 100;
const REDO_MS_MAX = 60_000;
/** A fault that lasts is sighted again this often, until a processor that lives has answered. */
const AGAIN_MS = 2_000;

/** Eight processors sight keys, each key two or three of them; each half second one is killed and replaced. */
export const kills: Row = {
  name: "kills",
  text: "kill -9 of a random processor each 500 ms, 8 processors, each key sighted by 2 or 3 of them",
  fullSize: 10_000,
  sliceSize: 60,
  unit: "keys",
  fullMinutes: 20,
  sink: { slackChannels: 2 },
  times: { quietSeconds: 86_400 }, // Nothing ends meanwhile, however long the machine takes.
  run: async (context) => {
    const crew = await Crew.start(context, context.isSlice ? 4 : 8);
    const killing = new AbortController();
    const killed = crew.killUntil(killing.signal);
    let done = 0;
    let again = performance.now() + AGAIN_MS;
    while (context.goOn(done)) {
      if (performance.now() > again) {
        crew.sight(crew.unanswered(namesUntil(done)));
        again = performance.now() + AGAIN_MS;
      }
      if (outstanding(context, done) < OUTSTANDING_MAX) {
        const services = Array.from({ length: BATCH }, (_, index) => `kill-${done + index}`);
        crew.sight(services);
        done += BATCH;
        context.progress(done);
      }
      await pause(BATCH_MS);
    }
    killing.abort();
    const figures = { kills: await killed };
    const missing = await crew.sightAgain(namesUntil(done));
    const problems = missing === 0 ? [] : [`${missing} keys were never acknowledged`];
    if (figures.kills === 0) problems.push("nobody was killed");
    return { done, figures, problems, epochsOf: () => 1 };
  },
};

function namesUntil(done: number): string[] {
  return Array.from({ length: done }, (_, index) => `kill-${index}`);
}

/** Keys that were handed out and that no channel has heard of. */
function outstanding({ sink }: RowContext, done: number): number {
  const told = new Set(sink.effects.map(({ incidentId }) => incidentId));
  return done - told.size;
}

/** Workers that are killed and replaced. */
class Crew {
  readonly #context: RowContext;
  readonly #workers: WorkerProcess[];

  private constructor(context: RowContext, workers: WorkerProcess[]) {
    this.#context = context;
    this.#workers = workers;
  }

  static async start(context: RowContext, size: number): Promise<Crew> {
    const spawn = () => context.spawn({ shards: 2 });
    return new Crew(context, await Promise.all(Array.from({ length: size }, spawn)));
  }

  /** Two or three of those that live see it, each at its own moment. */
  sight(services: readonly string[]): void {
    const { random } = this.#context;
    const living = this.#workers.filter((worker) => worker.alive());
    if (living.length === 0 || services.length === 0) return;
    const signals = services.map(
      (service) => ({ service, onsetAgeMs: 40_000, severity: "error" }) as const,
    );
    const seers = 2 + Math.floor(random() * 2);
    for (let seer = 0; seer < seers; seer += 1) {
      void pick(living, random).tell({ do: "sight", signals, atMs: null });
    }
  }

  /** Kills one each half second, unless half of them are being replaced; in the end all places are taken again. How many it killed. */
  async killUntil(stop: AbortSignal): Promise<number> {
    const { random, spawn } = this.#context;
    let killed = 0;
    const replacing = new Map<number, Promise<void>>();
    while (!stop.aborted) {
      await pause(KILL_MS);
      const index = Math.floor(random() * this.#workers.length);
      const victim = this.#workers[index];
      if (victim === undefined || !victim.alive() || replacing.has(index)) continue;
      // A machine that takes longer to start one than we to kill it would have none left to do the work.
      if (replacing.size >= this.#workers.length / 2) continue;
      victim.signal("SIGKILL");
      killed += 1;
      const replaced = spawn({ shards: 2 }).then((worker) => {
        this.#workers[index] = worker;
        replacing.delete(index);
      });
      replacing.set(index, replaced);
    }
    await Promise.all(replacing.values());
    return killed;
  }

  /** A signal goes on while its fault does: what no answer came for is sighted again. How many are left. */
  async sightAgain(services: readonly string[]): Promise<number> {
    const open = () => this.unanswered(services);
    for (let start = 0, left = open(); start < left.length; start += 100) {
      this.sight(left.slice(start, start + 100));
    }
    await this.#context.until(() => open().length === 0, REDO_MS_MAX);
    return open().length;
  }

  /** Those of which no processor has said what came of them. */
  unanswered(services: readonly string[]): string[] {
    const { outcomes } = this.#context.ledger;
    return services.filter((service) => !outcomes.has(fingerprintOfService(service)));
  }
}
