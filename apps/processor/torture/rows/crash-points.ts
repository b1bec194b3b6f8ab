import { setTimeout as pause } from "node:timers/promises";
import { CRASH_POINTS, type CrashPoint } from "@tracer/core";
import { fingerprintOfService } from "../keys.ts";
import { pick } from "../random.ts";
import type { Row, RowContext } from "../row.ts";
import { signalOf } from "../signals.ts";
import type { WorkerProcess } from "../worker-process.ts";
import { FileRound, OF_FILES } from "./crash-files.ts";

const AT_ONCE = 4;
const FRESH = { onsetAgeMs: 40_000 } as const;
const KEY_MS = 150;
/** From the order until the point must have been passed. */
const CRASH_MS_MAX = 180_000;
const ACKNOWLEDGED_MS_MAX = 60_000;

/** A processor ends at a named point of its work; another one finishes it. */
export const crashPointsRow: Row = {
  name: "crash-points",
  text:
    `crash at each named point (${CRASH_POINTS.join(", ")}) ×50; another processor finishes, with what the first kept ` +
    "on disk if it kept any; 0 lost, 0 double, 0 repeats",
  fullSize: CRASH_POINTS.length * 50,
  sliceSize: CRASH_POINTS.length,
  unit: "crashes",
  fullMinutes: 16,
  sink: { slackChannels: 2, groups: true },
  run: async (context) => {
    const finishers = await Promise.all([
      context.spawn({ shards: 2 }),
      context.spawn({ shards: 2 }),
    ]);
    const problems: string[] = [];
    const services: string[] = [];
    let fromFiles = 0;
    let begun = 0;
    let done = 0;
    const lane = async () => {
      while (context.goOn(begun)) {
        const point = CRASH_POINTS[begun % CRASH_POINTS.length] ?? "sight.before";
        begun += 1;
        const options = { point, name: `crash-${begun}`, finishers };
        const round = OF_FILES.includes(point)
          ? new FileRound(context, options)
          : new Round(context, options);
        problems.push(...(await round.run()));
        services.push(...round.services);
        if (round instanceof FileRound) fromFiles += round.kept;
        done += 1;
        context.progress(done);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
    const figures = { keys: services.length, "of them from files": fromFiles };
    return { done, problems, figures, epochsOf: () => 1 };
  },
};

export interface RoundOptions {
  readonly point: CrashPoint;
  readonly name: string;
  readonly finishers: readonly WorkerProcess[];
}

/** One worker that is armed, and gets work until it has passed the point. */
class Round {
  readonly services: string[] = [];
  readonly #context: RowContext;
  readonly #options: RoundOptions;

  constructor(context: RowContext, options: RoundOptions) {
    this.#context = context;
    this.#options = options;
  }

  async run(): Promise<string[]> {
    const { random, spawn } = this.#context;
    const { point, name } = this.#options;
    const passes = 1 + Math.floor(random() * 2);
    // A moment after the request began it is on its way, or there, or answered.
    const afterMs = point === "send.begun" ? 1 + Math.floor(random() * 20) : 0;
    const victim = await spawn({ shards: 2, crash: { point, passes, afterMs } });
    const endMs = performance.now() + CRASH_MS_MAX;
    while (victim.alive() && performance.now() < endMs) {
      await this.#work(victim);
      await pause(KEY_MS);
    }
    if (victim.alive()) {
      victim.signal("SIGKILL");
      return [`${name}: ${point} was not passed ${passes} times`];
    }
    return this.#finish();
  }

  /** One more key, and the end of the one before last. */
  async #work(victim: WorkerProcess): Promise<void> {
    const service = `${this.#options.name}-${this.services.length + 1}`;
    this.services.push(service);
    await victim.tell({ do: "sight", signals: [signalOf(service, FRESH)], atMs: null });
    const ended = this.services.at(-3);
    if (ended !== undefined) await victim.tell({ do: "clear", services: [ended] });
  }

  /** What the victim saw, another one sees, too; then it is over. */
  async #finish(): Promise<string[]> {
    const { random, ledger, until } = this.#context;
    const finisher = pick(this.#options.finishers, random);
    const signals = this.services.slice(-2).map((service) => signalOf(service, FRESH));
    const fingerprints = signals.map(({ service }) => fingerprintOfService(service));
    const before = fingerprints.map((one) => ledger.outcomes.get(one)?.length ?? 0);
    await finisher.tell({ do: "sight", signals, atMs: null });
    const answered = await until(
      () =>
        fingerprints.every(
          (one, at) => (ledger.outcomes.get(one)?.length ?? 0) > (before[at] ?? 0),
        ),
      ACKNOWLEDGED_MS_MAX,
    );
    return answered ? [] : [`${this.#options.name}: not acknowledged after the crash`];
  }
}
