import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { type EmbeddedPostgres, migrate, openPool, startEmbeddedPostgres } from "@tracer/store";
import { startFaultProxy } from "@tracer/testkit";
import { fingerprintOfService } from "../keys.ts";
import { MachineLag } from "../machine-lag.ts";
import { pick } from "../random.ts";
import type { Row, RowContext } from "../row.ts";
import type { WorkerProcess } from "../worker-process.ts";
import { CALL_MS_MAX } from "./postgres.ts";

const SHARDS = 2;
const KEY_MS = 100;
const UP_MS_MAX = 60_000;
/** A busy machine may take long to connect again; a test of outages asks for two seconds. */
const RECOVERED_MS_MAX = 120_000;

/** A server that is stopped at once, in the middle of everything, and started again. */
export const serverStops: Row = {
  name: "server-stops",
  text: "Postgres immediate stop and start ×20 under load of three processors; no call > 3 s",
  fullSize: 20,
  sliceSize: 1,
  unit: "stops",
  fullMinutes: 5,
  sink: { slackChannels: SHARDS },
  run: async (context) => {
    const { random, ledger } = context;
    const server = context.keep(await OwnServer.start());
    const proxy = context.keep(await startFaultProxy({ target: server.connectionString }));
    const spawn = () => context.spawn({ shards: SHARDS, connectionString: proxy.url });
    const workers = await Promise.all(Array.from({ length: context.isSlice ? 2 : 3 }, spawn));
    const lag = context.keep(new MachineLag(context.pool));
    const problems: string[] = [];
    let done = 0;
    const load = new Load(context, workers);
    while (context.goOn(done)) {
      const stop = new AbortController();
      const loading = load.until(stop.signal);
      await pause(500 + random() * 1_000);
      await server.stopAtOnce();
      await pause(random() * 2_000);
      await server.startAgain();
      proxy.retarget(server.connectionString);
      await pause(1_000);
      stop.abort();
      await loading;
      if (!(await context.until(() => load.open() === 0, RECOVERED_MS_MAX))) {
        problems.push(`${load.open()} keys are not acknowledged after stop ${done + 1}`);
      }
      done += 1;
      context.progress(done);
    }
    if (ledger.slowestCallMs > CALL_MS_MAX + lag.worstMs)
      problems.push(`a call took ${ledger.slowestCallMs} ms`);
    context.useDatabase(server.connectionString);
    const figures = {
      keys: load.keys,
      "slowest call, ms": Math.round(ledger.slowestCallMs),
      "the machine's lag, ms": Math.round(lag.worstMs),
    };
    return { done, problems, figures, epochsOf: () => 1 };
  },
};

class Load {
  readonly #context: RowContext;
  readonly #workers: readonly WorkerProcess[];
  readonly #fingerprints: string[] = [];

  constructor(context: RowContext, workers: readonly WorkerProcess[]) {
    this.#context = context;
    this.#workers = workers;
  }

  get keys(): number {
    return this.#fingerprints.length;
  }

  /** Keys that nobody was told of. */
  open(): number {
    const { outcomes } = this.#context.ledger;
    return this.#fingerprints.filter((one) => !outcomes.has(one)).length;
  }

  /** Each key is seen by one or two. */
  async until(stop: AbortSignal): Promise<void> {
    const { random } = this.#context;
    while (!stop.aborted) {
      const service = `stop-${this.keys + 1}`;
      this.#fingerprints.push(fingerprintOfService(service));
      const signals = [{ service, onsetAgeMs: 40_000, severity: "error" } as const];
      for (const worker of [pick(this.#workers, random), pick(this.#workers, random)]) {
        void worker.tell({ do: "sight", signals, atMs: null });
      }
      await pause(KEY_MS);
    }
  }
}

/** A server with fsync in a temporary folder; what it is stopped with is what a crash of it is like. */
class OwnServer implements AsyncDisposable {
  readonly #dataDir: string;
  #server: EmbeddedPostgres;

  private constructor(dataDir: string, server: EmbeddedPostgres) {
    this.#dataDir = dataDir;
    this.#server = server;
  }

  static async start(): Promise<OwnServer> {
    const dataDir = await mkdtemp(join(tmpdir(), "tracer-torture-"));
    const server = new OwnServer(dataDir, await startEmbeddedPostgres({ dataDir }));
    const pool = openPool({ connectionString: server.connectionString, patient: true });
    await migrate(pool);
    await pool.end();
    return server;
  }

  get connectionString(): string {
    return this.#server.connectionString;
  }

  async stopAtOnce(): Promise<void> {
    process.kill(this.#server.pid, "SIGQUIT");
    const late = new AbortController();
    await Promise.race([
      this.#server.exited,
      pause(UP_MS_MAX, undefined, { signal: late.signal }).catch(() => {}),
    ]);
    late.abort();
    await this.#server.stop();
  }

  async startAgain(): Promise<void> {
    this.#server = await startEmbeddedPostgres({ dataDir: this.#dataDir });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop();
    await rm(this.#dataDir, { recursive: true, force: true, maxRetries: 5 });
  }
}
