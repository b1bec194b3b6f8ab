import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { openPool, type Pool } from "@tracer/store";
import {
  startTracerProcess,
  type TracerProcess,
  temporaryFolder,
} from "../../e2e/tracer-process.ts";
import { postLogs, traffic } from "../../e2e/traffic.ts";
import type { RowContext } from "../row.ts";

const HISTORY_MS = 3_600_000;
const FAULT_MS = 120_000;
const OPEN_MS_MAX = 60_000;
const POST_MS = 100;
/** If it waited for the database, there would be one answer at the most before the database is free again. */
const ANSWERS_MIN = 3;

interface AnsweringParts {
  readonly context: RowContext;
  readonly tracer: TracerProcess;
  readonly pool: Pool;
}

/** `tracer start` on the database that it brings, with an open incident: what is asked is whether it takes records. */
export class AnsweringTracer implements AsyncDisposable {
  answers = 0;
  readonly #parts: AnsweringParts;
  readonly #stack: AsyncDisposableStack;

  private constructor(parts: AnsweringParts, stack: AsyncDisposableStack) {
    this.#parts = parts;
    this.#stack = stack;
  }

  static async start(context: RowContext): Promise<AnsweringTracer> {
    await using stack = new AsyncDisposableStack();
    const folder = stack.use(await temporaryFolder());
    const dataDir = join(folder.path, "data");
    const tracer = stack.use(await startTracerProcess({ DATA_DIR: dataDir }));
    const pool = openPool({ connectionString: await urlIn(dataDir), patient: true });
    stack.defer(() => pool.end());
    const nowMs = Date.now();
    const common = { service: "answering", perMinute: 60, random: context.random };
    const breakMs = nowMs - FAULT_MS;
    await postLogs(
      tracer.url,
      traffic({ ...common, fromMs: nowMs - HISTORY_MS, toMs: breakMs, errorShare: 0.01 }) +
        traffic({ ...common, fromMs: breakMs, toMs: nowMs, errorShare: 0.6 }),
    );
    await context.until(async () => (await openCount(pool)) > 0, OPEN_MS_MAX);
    return new AnsweringTracer({ context, tracer, pool }, stack.move());
  }

  /** Takes what `sql` locks for so long; whether records were taken meanwhile. */
  async whileLocked(sql: string, ms: number): Promise<string[]> {
    const { pool, context, tracer } = this.#parts;
    const problems: string[] = [];
    let taken = 0;
    const client = await pool.connect();
    try {
      await client.query("begin");
      await client.query(sql);
      const endMs = performance.now() + ms;
      while (performance.now() < endMs) {
        const nowMs = Date.now();
        const common = { service: "answering", perMinute: 600, random: context.random };
        const records = traffic({ ...common, fromMs: nowMs - 1_000, toMs: nowMs, errorShare: 0.6 });
        const { status } = await postLogs(tracer.url, records);
        if (status !== 202) problems.push(`ingest answered ${status}`);
        if (performance.now() < endMs) taken += 1;
        await pause(POST_MS);
      }
      await client.query("commit");
    } finally {
      client.release();
    }
    this.answers += taken;
    if (taken < ANSWERS_MIN) problems.push(`ingest answered ${taken} times in ${ms} ms`);
    if ((await openCount(pool)) === 0) problems.push("no incident was open: nothing was locked");
    return problems;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

async function openCount(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ open: number }>(
    "select count(*)::int as open from incidents where state = 'open'",
  );
  return rows[0]?.open ?? 0;
}

/** Of the database that a Tracer with this DATA_DIR runs. */
export async function urlIn(dataDir: string): Promise<string> {
  const base = join(dataDir, "postgres");
  const password = (await readFile(join(base, "password"), "utf8")).trim();
  const [, , , port] = (await readFile(join(base, "data", "postmaster.pid"), "utf8")).split("\n");
  return `postgres://tracer:${password}@127.0.0.1:${port}/postgres`;
}
