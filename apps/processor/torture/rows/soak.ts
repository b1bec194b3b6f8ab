import { setTimeout as pause } from "node:timers/promises";
import { startFaultProxy } from "@tracer/testkit";
import { undoneCount } from "../database-book.ts";
import { fingerprintOfService } from "../keys.ts";
import { pick } from "../random.ts";
import type { Row, RowContext } from "../row.ts";
import { readTableSizes, type TableSizes } from "../table-sizes.ts";
import type { WorkerProcess } from "../worker-process.ts";
import { HARMS, type HarmTimes, harmOf, Providers } from "./provider-faults.ts";

const SHARDS = 4;
const KEY_MS = 400;
/** Keys are alive for so many rounds of the load, and then end. */
const LIFE = 40;
const ACKNOWLEDGED_MS_MAX = 120_000;
/** Of the worst of the second half over that of the first; what is smaller is noise. */
const GROWTH_MAX = 1.5;
const RSS_NOISE_BYTES = 64 * 1024 * 1024;
const ROWS_NOISE = 200;
/** A page here and there, until the vacuum comes by. */
const STEADY_NOISE_BYTES = 2 * 1024 * 1024;
const ROW_NOISE_BYTES = 1_024;
/** Sizes are looked at with each so manieth sample. */
const SIZES_EACH = 10;
const SOAK_SECONDS = 600;
/** Figures that are the worst of all soaks; the others are sums. */
const MOST = "at the most";

const FULL_HARM: HarmTimes = { slowMs: 9_000, lateMs: 11_000, retryAfterSeconds: 3 };
const SLICE_HARM: HarmTimes = { slowMs: 500, lateMs: 1_500, retryAfterSeconds: 1 };

/** Everything at once: kills, pauses, cuts of the database and of providers, by chance, on keys that come and go. */
export const soak: Row = {
  name: "soak",
  text:
    "soak 10 min ×3: 8 processors, kills, stops, cuts of the database, harmed deliveries, skewed clocks at random; " +
    "nothing lost, nothing double; what waits, each process' memory, the tables of what is now, and what the others " +
    "take for each row do not grow",
  fullSize: 1_800,
  sliceSize: 6,
  unit: "seconds",
  fullMinutes: 31,
  sink: { slackChannels: SHARDS, groups: true },
  run: async (context) => {
    const { goOn, progress } = context;
    const providers = new Providers(context);
    const problems: string[] = [];
    const figures: Record<string, number> = {};
    let done = 0;
    for (let soaks = 1; goOn(done); soaks += 1) {
      const soaking = new Soak(context, { providers, name: `soak-${soaks}` });
      await soaking.start();
      const startMs = performance.now();
      const seconds = () => Math.floor((performance.now() - startMs) / 1e3);
      const stop = new AbortController();
      const harm = soaking.harm(stop.signal);
      while (seconds() < SOAK_SECONDS && goOn(done + seconds())) {
        await soaking.load();
        progress(done + seconds());
      }
      done += seconds();
      stop.abort();
      await harm;
      problems.push(...(await soaking.finish()));
      for (const [name, value] of Object.entries(soaking.figures())) {
        const sum = name.endsWith(MOST) ? Math.max : (one: number, other: number) => one + other;
        figures[name] = sum(figures[name] ?? 0, value);
      }
      await soaking.end();
    }
    return { done, problems, figures, epochsOf: () => 1 };
  },
};

interface Place {
  worker: WorkerProcess;
  readonly proxy: Awaited<ReturnType<typeof startFaultProxy>>;
  busy: boolean;
}

interface Sample {
  readonly rssBytes: number;
  readonly undone: number;
  readonly sizes: TableSizes;
}

interface SoakOptions {
  readonly providers: Providers;
  /** What its services are called. */
  readonly name: string;
}

class Soak {
  readonly #context: RowContext;
  readonly #size: number;
  readonly #providers: Providers;
  readonly #places: Place[] = [];
  readonly #services: string[] = [];
  readonly #samples: Sample[] = [];
  readonly #name: string;
  readonly #harmedBefore: number;
  readonly #figures: Record<string, number> = { kills: 0, stops: 0, cuts: 0 };

  constructor(context: RowContext, { providers, name }: SoakOptions) {
    this.#context = context;
    this.#size = context.isSlice ? 3 : 8;
    this.#providers = providers;
    this.#name = name;
    this.#harmedBefore = providers.harmed;
  }

  async start(): Promise<void> {
    const { connectionString, keep } = this.#context;
    const place = async () => {
      const proxy = keep(await startFaultProxy({ target: connectionString }));
      return { proxy, worker: await this.#spawn(proxy.url), busy: false };
    };
    this.#places.push(...(await Promise.all(Array.from({ length: this.#size }, place))));
  }

  #spawn(connectionString: string): Promise<WorkerProcess> {
    const { random, spawn } = this.#context;
    const skewMs = pick([0, 0, 3_000, -3_000, 3_600_000, -3_600_000], random);
    const clock = { skewMs, stepMs: 0, stepEveryMs: 1_000 };
    return spawn({ shards: SHARDS, connectionString, clock });
  }

  /** One more key, seen by two; what lives is seen again now and then, and what has lived ends. */
  async load(): Promise<void> {
    const { random, isSlice } = this.#context;
    const service = `${this.#name}-${this.#services.length + 1}`;
    this.#services.push(service);
    if (random() < 0.5) {
      const name = pick(HARMS, random);
      const times = isSlice ? SLICE_HARM : FULL_HARM;
      const fingerprint = fingerprintOfService(service);
      this.#providers.harm(fingerprint, harmOf(name, times, random), { atEnd: false });
    }
    this.#see([service], 2);
    const ended = this.#services.at(-LIFE);
    if (ended !== undefined) {
      for (const { worker } of this.#places) void worker.tell({ do: "clear", services: [ended] });
    }
    await pause(KEY_MS);
  }

  #see(services: readonly string[], seers: number): void {
    const signals = services.map(
      (service) => ({ service, onsetAgeMs: 40_000, severity: "error" }) as const,
    );
    for (let seer = 0; seer < seers; seer += 1) {
      const { worker } = pick(this.#places, this.#context.random);
      void worker.tell({ do: "sight", signals, atMs: null });
    }
  }

  /** One harm after the other, until it is told to stop; each ends before the next of its place begins. */
  async harm(stop: AbortSignal): Promise<void> {
    const { random, isSlice } = this.#context;
    const under = new Set<Promise<void>>();
    while (!stop.aborted) {
      await pause(isSlice ? 500 : 1_000);
      await this.#sample();
      const free = this.#places.filter(({ busy }) => !busy);
      // Somebody is always left to work.
      if (free.length <= 1) continue;
      const harming = this.#harm(pick(free, random)).finally(() => under.delete(harming));
      under.add(harming);
    }
    await Promise.all(under);
  }

  async #harm(place: Place): Promise<void> {
    const { random, isSlice } = this.#context;
    const longMs = (isSlice ? 1_000 : 15_000) * (0.2 + random());
    place.busy = true;
    switch (pick(["kill", "stop", "refuse", "blackHole", "reset"] as const, random)) {
      case "kill":
        place.worker.signal("SIGKILL");
        place.worker = await this.#spawn(place.proxy.url);
        this.#count("kills");
        break;
      case "stop":
        place.worker.signal("SIGSTOP");
        await pause(longMs);
        place.worker.signal("SIGCONT");
        this.#count("stops");
        break;
      case "refuse":
        await this.#cut(place, "refuse", longMs);
        break;
      case "blackHole":
        await this.#cut(place, "blackHole", longMs);
        break;
      case "reset":
        this.#count("cuts");
        place.proxy.reset();
        break;
    }
    place.busy = false;
  }

  async #cut({ proxy }: Place, mode: "refuse" | "blackHole", ms: number): Promise<void> {
    this.#count("cuts");
    await proxy.set(mode);
    await pause(ms);
    await proxy.set("pass");
  }

  #count(what: string): void {
    this.#figures[what] = (this.#figures[what] ?? 0) + 1;
  }

  async #sample(): Promise<void> {
    const { pool } = this.#context;
    const undone = await undoneCount(pool);
    const rss = await Promise.all(this.#places.map(({ worker }) => worker.rssBytes()));
    const isDue = this.#samples.length % SIZES_EACH === 0;
    const sizes = isDue ? undefined : this.#samples.at(-1)?.sizes;
    this.#samples.push({
      ...{ rssBytes: Math.max(...rss), undone },
      sizes: sizes ?? (await readTableSizes(pool)),
    });
  }

  /** Everything is told; what did not hold. */
  async finish(): Promise<string[]> {
    const { ledger, until, drained } = this.#context;
    const problems: string[] = [];
    const open = () =>
      this.#services.filter((one) => !ledger.outcomes.has(fingerprintOfService(one)));
    this.#see(open(), 2);
    if (!(await until(() => open().length === 0, ACKNOWLEDGED_MS_MAX))) {
      problems.push(`${open().length} keys were never acknowledged`);
    }
    const half = Math.floor(this.#samples.length / 2);
    const grows = (of: (sample: Sample) => number, noise: number) =>
      this.#worst(of, half) > GROWTH_MAX * this.#worst(of, 0, half) + noise;
    const perRow = ({ sizes }: Sample) => sizes.bytesPerRow;
    const areRowsKnown = this.#worst(perRow, 0, half) > 0;
    if (grows(({ rssBytes }) => rssBytes, RSS_NOISE_BYTES)) problems.push("memory grows");
    if (grows(({ undone }) => undone, ROWS_NOISE)) problems.push("what waits to be sent grows");
    if (grows(({ sizes }) => sizes.steadyBytes, STEADY_NOISE_BYTES)) problems.push("tables grow");
    if (areRowsKnown && grows(perRow, ROW_NOISE_BYTES)) problems.push("rows grow");
    if (!(await drained())) problems.push("not all was sent in time");
    return problems;
  }

  figures(): Record<string, number> {
    return {
      ...this.#figures,
      keys: this.#services.length,
      "harmed deliveries": this.#providers.harmed - this.#harmedBefore,
      [`MB of a process ${MOST}`]: Math.round(this.#worst(({ rssBytes }) => rssBytes) / 2 ** 20),
      [`waiting ${MOST}`]: this.#worst(({ undone }) => undone),
      [`bytes for each row ${MOST}`]: Math.round(this.#worst(({ sizes }) => sizes.bytesPerRow)),
      [`kB of the other tables ${MOST}`]: Math.round(
        this.#worst(({ sizes }) => sizes.steadyBytes) / 1_024,
      ),
    };
  }

  #worst(of: (sample: Sample) => number, from = 0, to = this.#samples.length): number {
    return Math.max(0, ...this.#samples.slice(from, to).map(of));
  }

  /** Its processes end, so that the next soak has the machine for itself. */
  async end(): Promise<void> {
    await Promise.all(this.#places.map(({ worker }) => worker[Symbol.asyncDispose]()));
  }
}
