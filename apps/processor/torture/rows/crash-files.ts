import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { type CrashPoint, fingerprintOf, incidentIdOf } from "@tracer/core";
import { resolveByHand } from "@tracer/store";
import { type FaultProxy, startFaultProxy } from "@tracer/testkit";
import { type PendingState, pendingOfBytes } from "../../src/pending-state.ts";
import { readSnapshot } from "../../src/snapshot-file.ts";
import { readSpillRecords } from "../../src/spill/codec.ts";
import { fingerprintOfService } from "../keys.ts";
import { pick } from "../random.ts";
import type { RowContext } from "../row.ts";
import { signalOf } from "../signals.ts";
import { snapshotPathIn, spillPathIn } from "../worker-files.ts";
import type { WorkerProcess } from "../worker-process.ts";
import type { RoundOptions } from "./crash-points.ts";

/** Passed only by who keeps files, and while the database is away or has just come back. */
export const OF_FILES: readonly CrashPoint[] = [
  "spill.written",
  "spill.replayed",
  "snapshot.written",
];
const KEY_MS = 150;
const CRASH_MS_MAX = 180_000;
const ACKNOWLEDGED_MS_MAX = 60_000;
/** Of what was written before the end, this share is ended by hand before it is replayed once more. */
const ENDED_SHARE = 0.3;

/** A worker without a database ends at a point of its files; the next one in its folder goes on with them. */
export class FileRound {
  readonly services: string[] = [];
  /** Keys that nobody but the file knew of, or that it told once more. */
  kept = 0;
  readonly #context: RowContext;
  readonly #options: RoundOptions;

  constructor(context: RowContext, options: RoundOptions) {
    this.#context = context;
    this.#options = options;
  }

  async run(): Promise<string[]> {
    const { random, spawn, connectionString } = this.#context;
    const { point, name } = this.#options;
    const folder = await mkdtemp(join(tmpdir(), "tracer-torture-"));
    await using stack = new AsyncDisposableStack();
    stack.defer(() => rm(folder, { recursive: true, force: true }));
    const proxy = stack.use(await startFaultProxy({ target: connectionString }));
    const passes = 1 + Math.floor(random() * 2);
    const crash = { point, passes, afterMs: 0 };
    const victim = await spawn({ shards: 2, connectionString: proxy.url, folder, crash });
    await this.#workUntilEnd(victim, proxy, folder);
    if (victim.alive()) {
      victim.signal("SIGKILL");
      return [`${name}: ${point} was not passed ${passes} times`];
    }
    const kept = await keptIn(folder);
    this.kept = kept.size;
    await this.#endSome(kept);
    const successor = stack.use(await spawn({ shards: 2, folder }));
    return [...(await this.#replayed(successor, kept)), ...(await this.#finish(kept))];
  }

  /** Keys during outages, each of which lasts until something was kept. */
  async #workUntilEnd(victim: WorkerProcess, proxy: FaultProxy, folder: string): Promise<void> {
    const endMs = performance.now() + CRASH_MS_MAX;
    const goesOn = () => victim.alive() && performance.now() < endMs;
    while (goesOn()) {
      await proxy.set("refuse");
      do await this.#work(victim);
      while (goesOn() && (this.#wantsOutage() || (await keptIn(folder)).size === 0));
      await proxy.set("pass");
      while (goesOn() && (await keptIn(folder)).size > 0) await pause(KEY_MS);
    }
  }

  /** All but the end of an outage happens in one. */
  #wantsOutage(): boolean {
    return this.#options.point !== "spill.replayed";
  }

  async #work(victim: WorkerProcess): Promise<void> {
    const service = `${this.#options.name}-${this.services.length + 1}`;
    this.services.push(service);
    await victim.tell({ do: "sight", signals: [signalOf(service)], atMs: null });
    await pause(KEY_MS);
  }

  /** What is replayed although it is over must not begin anew. */
  async #endSome(kept: ReadonlySet<string>): Promise<void> {
    const { pool, random, ledger } = this.#context;
    for (const fingerprint of kept) {
      if (!ledger.outcomes.has(fingerprint) || random() >= ENDED_SHARE) continue;
      await resolveByHand(pool, incidentIdOf(fingerprint, 1));
    }
  }

  async #replayed(successor: WorkerProcess, kept: ReadonlySet<string>): Promise<string[]> {
    const { ledger, until } = this.#context;
    const left = () => {
      const answered = new Set(ledger.answered.get(successor.processorId));
      return [...kept].filter((one) => !answered.has(one)).length;
    };
    if (await until(() => left() === 0, ACKNOWLEDGED_MS_MAX)) return [];
    return [`${this.#options.name}: ${left()} of ${kept.size} that were kept were not replayed`];
  }

  /** What never reached the disk is seen again, for its fault goes on. */
  async #finish(kept: ReadonlySet<string>): Promise<string[]> {
    const { ledger, until, random } = this.#context;
    const isOpen = (service: string) => {
      const fingerprint = fingerprintOfService(service);
      return !kept.has(fingerprint) && !ledger.outcomes.has(fingerprint);
    };
    const open = () => this.services.filter(isOpen);
    const finisher = pick(this.#options.finishers, random);
    const signals = open().map((service) => signalOf(service));
    await finisher.tell({ do: "sight", signals, atMs: null });
    if (await until(() => open().length === 0, ACKNOWLEDGED_MS_MAX)) return [];
    return [`${this.#options.name}: ${open().length} were not acknowledged after the crash`];
  }
}

/** Fingerprints of what waits on disk. */
async function keptIn(folder: string): Promise<ReadonlySet<string>> {
  const bytes = await readFile(spillPathIn(folder)).catch(() => Buffer.alloc(0));
  const states: PendingState[] = [...readSpillRecords(bytes).states];
  for await (const frame of readSnapshot(snapshotPathIn(folder))) {
    if (frame.kind === "pending") states.push(...pendingOfBytes(frame.bytes));
  }
  return new Set(states.map(({ key }) => fingerprintOf(key)));
}
