import { setTimeout as pause } from "node:timers/promises";
import { type FaultProxy, startFaultProxy } from "@tracer/testkit";
import { fingerprintOfService } from "../keys.ts";
import { MachineLag } from "../machine-lag.ts";
import { percentile } from "../percentile.ts";
import { pick } from "../random.ts";
import type { Row, RowContext } from "../row.ts";
import type { WorkerProcess } from "../worker-process.ts";

const SHARDS = 2;
/** A call waits at most 1 s for a connection and 2 s for its answer; timers of a busy machine are late. */
export const CALL_MS_MAX = 3_250;
/** Another processor's reservation of a key that is in the hands of one that was cut off. */
const SIGHT_P99_MS_MAX = 1_200;
/** A busy machine may take long to connect again; a test of outages asks for two seconds. */
const RECOVERED_MS_MAX = 120_000;
/** Resets in one go of a processor. */
const RESETS_MAX = 50;

type Fault = "blackHole" | "refuse" | "reset";

interface Sizes {
  readonly lanes: number;
  readonly keyMs: number;
  readonly cutMs: Readonly<Record<"blackHole" | "refuse", number>>;
}
const FULL: Sizes = { lanes: 6, keyMs: 500, cutMs: { blackHole: 120_000, refuse: 60_000 } };
const SLICE: Sizes = { lanes: 3, keyMs: 100, cutMs: { blackHole: 3_000, refuse: 3_000 } };

/** Processors whose way to the database breaks, beside two whose way does not, on the same keys. */
export const postgresRow: Row = {
  name: "postgres",
  text:
    "the way to Postgres of one processor: black hole mid-statement 120 s ×10, refused 60 s ×5, reset at random " +
    "×1,000; all its keys are sighted by another one, too. No call > 3 s; the other's p99 < 1.2 s",
  fullSize: 1_015,
  sliceSize: 12,
  unit: "cuts",
  fullMinutes: 8,
  sink: { slackChannels: SHARDS },
  run: async (context) => {
    const { isSlice, spawn, goOn, ledger } = context;
    const sizes = isSlice ? SLICE : FULL;
    const others = await Promise.all(
      Array.from({ length: isSlice ? 1 : 2 }, () => spawn({ shards: SHARDS })),
    );
    const lag = context.keep(new MachineLag(context.pool));
    const faults = faultsOf(context.size);
    const problems: string[] = [];
    let done = 0;
    const count = (cuts: number) => {
      done += cuts;
      context.progress(done);
    };
    await using stack = new AsyncDisposableStack();
    const lane = async (index: number) => {
      const proxy = stack.use(await startFaultProxy({ target: context.connectionString }));
      const worker = await spawn({ shards: SHARDS, connectionString: proxy.url });
      const cut = new CutOff(context, { name: `cut-${index}`, worker, proxy, others, sizes });
      while (goOn(done)) {
        const fault = faults.shift();
        if (fault === undefined) break;
        problems.push(...(await cut.suffer(fault, count)));
      }
      await proxy.set("pass");
    };
    await Promise.all(Array.from({ length: sizes.lanes }, (_, index) => lane(index + 1)));
    const sightMs = others.flatMap(({ processorId }) => ledger.sightMs.get(processorId) ?? []);
    const p99 = percentile(sightMs, 0.99);
    if (p99 >= SIGHT_P99_MS_MAX + lag.p99Ms) problems.push(`another processor's p99 was ${p99} ms`);
    if (ledger.slowestCallMs > CALL_MS_MAX + lag.worstMs)
      problems.push(`a call took ${ledger.slowestCallMs} ms`);
    const figures = {
      "slowest call, ms": Math.round(ledger.slowestCallMs),
      "another processor's p99, ms": Math.round(p99),
      "its reservations": sightMs.length,
      "the machine's lag, ms": Math.round(lag.worstMs),
    };
    // The lanes end together, and what they measured is of no use any more once the proxies are gone.
    await context.drained();
    return { done, problems, figures, epochsOf: () => 1 };
  },
};

/** Each kind in its share, all kinds from the beginning on. */
function faultsOf(size: number): (readonly [Fault, number])[] {
  const blackHoles = Math.max(1, Math.round((size * 10) / 1_015));
  const refusals = Math.max(1, Math.round((size * 5) / 1_015));
  const faults: (readonly [Fault, number])[] = [];
  let resets = Math.max(1, size - blackHoles - refusals);
  for (let index = 0; index < blackHoles || index < refusals || resets > 0; index += 1) {
    if (index < blackHoles) faults.push(["blackHole", 1]);
    if (index < refusals) faults.push(["refuse", 1]);
    if (resets > 0) faults.push(["reset", Math.min(RESETS_MAX, resets)]);
    resets -= RESETS_MAX;
  }
  return faults;
}

interface CutOffOptions {
  readonly name: string;
  /** Whose way to the database is `proxy`. */
  readonly worker: WorkerProcess;
  readonly proxy: FaultProxy;
  readonly others: readonly WorkerProcess[];
  readonly sizes: Sizes;
}

class CutOff {
  readonly #context: RowContext;
  readonly #options: CutOffOptions;
  #keys = 0;
  #onSight: () => void = () => {};

  constructor(context: RowContext, options: CutOffOptions) {
    this.#context = context;
    this.#options = options;
  }

  /** One fault under load, and its end: everything that the processor saw is reserved then. */
  async suffer(
    [fault, times]: readonly [Fault, number],
    count: (cuts: number) => void,
  ): Promise<string[]> {
    const { name, worker } = this.#options;
    const stop = new AbortController();
    const services: string[] = [];
    const loading = this.#load(services, stop.signal);
    if (fault === "reset") await this.#resets(times, count);
    else {
      await this.#cut(fault);
      count(1);
    }
    stop.abort();
    await loading;
    const open = () => {
      const answered = new Set(this.#context.ledger.answered.get(worker.processorId));
      return services.map(fingerprintOfService).filter((one) => !answered.has(one)).length;
    };
    const whole = await this.#context.until(() => open() === 0, RECOVERED_MS_MAX);
    return whole ? [] : [`${name}: ${open()} keys are not acknowledged after ${fault}`];
  }

  /** Keys that the processor and another one see in the same moment. */
  async #load(services: string[], stop: AbortSignal): Promise<void> {
    const { worker, others, sizes, name } = this.#options;
    while (!stop.aborted) {
      this.#keys += 1;
      const service = `${name}-${this.#keys}`;
      services.push(service);
      const signals = [{ service, onsetAgeMs: 40_000, severity: "error" } as const];
      void pick(others, this.#context.random).tell({ do: "sight", signals, atMs: null });
      await worker.tell({ do: "sight", signals, atMs: null });
      this.#onSight();
      await pause(sizes.keyMs);
    }
  }

  /** In the middle of a statement, if it is not too quick for us. */
  async #cut(mode: "blackHole" | "refuse"): Promise<void> {
    const { proxy, sizes } = this.#options;
    const { random, goOn } = this.#context;
    await pause(sizes.keyMs * (1 + random()));
    await new Promise<void>((resolve) => {
      this.#onSight = resolve;
    });
    await pause(random() * 5);
    await proxy.set(mode);
    const endMs = performance.now() + sizes.cutMs[mode];
    while (performance.now() < endMs && goOn(0)) await pause(500);
    await proxy.set("pass");
  }

  async #resets(times: number, count: (cuts: number) => void): Promise<void> {
    const { proxy } = this.#options;
    const { random, goOn } = this.#context;
    for (let left = times; left > 0 && goOn(0); ) {
      await pause(random() * 150);
      const one = Math.floor(random() * proxy.connectionsOpen);
      const reset = proxy.reset((index) => index === one); // 0: none is open.
      left -= reset;
      count(reset);
    }
  }
}
