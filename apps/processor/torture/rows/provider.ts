import { setTimeout as pause } from "node:timers/promises";
import { incidentIdOf } from "@tracer/core";
import { fingerprintOfService } from "../keys.ts";
import { MachineLag } from "../machine-lag.ts";
import { percentile } from "../percentile.ts";
import { pick } from "../random.ts";
import type { Row, RowContext, RowOutcome } from "../row.ts";
import type { Effect } from "../sink.ts";
import type { WorkerProcess } from "../worker-process.ts";
import { HARMS, type HarmTimes, harmOf, Providers } from "./provider-faults.ts";

const SHARDS = 4;
/** Gets every incident, and nothing is done to it. */
const CALM = "pagerduty-2";
const CALM_MS_MAX = 2_000;
/** From the driver to the worker, to the database, back, and to the sink: each of them may be late. */
const LAGS = 4;
/** Each incident is harmed on Slack and on PagerDuty. */
const PER_INCIDENT = 2;
const KINDS = HARMS.length + 1;
/** A shard's Slack channel, and two services of PagerDuty. */
const CHANNELS_EACH = 3;
/** Each so manieth time a harm is done, it is done to the end of an incident. */
const ENDS_EACH = 2;
const OUTSTANDING_MAX = 100;
const BATCH_MS = 50;
/** After six unknown ends the next pause may be two minutes. */
const TOLD_MS_MAX = 300_000;
const TOLD_IN_SLICE_MS_MAX = 30_000;

interface Sizes extends HarmTimes {
  readonly workers: number;
  readonly downMs: number;
}
const FULL: Sizes = {
  ...{ workers: 4, downMs: 40_000 },
  ...{ slowMs: 9_000, lateMs: 11_000, retryAfterSeconds: 4 },
};
const SLICE: Sizes = {
  ...{ workers: 2, downMs: 2_500 },
  ...{ slowMs: 500, lateMs: 1_500, retryAfterSeconds: 1 },
};

/** Providers that lie, hang and break off, delivery by delivery, and one that is calm beside them. */
export const provider: Row = {
  name: "provider",
  text:
    "provider: all 500 for 40 s, every other one taken; then one answer each of 429 with Retry-After, accept " +
    "then cut, time-out or 500, 9 s slow, 200 with HTML, ok:false, nothing or 5 MB; on Slack with history and " +
    "PagerDuty, at the beginning and at the end; another channel is told < 2 s meanwhile",
  fullSize: KINDS * 200,
  sliceSize: KINDS * 4,
  unit: "deliveries",
  fullMinutes: 5,
  sink: { slackChannels: SHARDS, pagerdutyServices: 2 },
  run: async (context) => {
    const sizes = context.isSlice ? SLICE : FULL;
    const spawn = () => context.spawn({ shards: SHARDS });
    const workers = await Promise.all(Array.from({ length: sizes.workers }, spawn));
    const lag = context.keep(new MachineLag(context.pool));
    const providers = new Providers(context);
    const crowd = new Crowd(context, workers);
    providers.down = true;
    const upAgain = pause(sizes.downMs).then(() => {
      providers.down = false;
    });
    const ofDown = Math.ceil(context.size / KINDS);
    while (context.goOn(crowd.deliveries) && crowd.deliveries < ofDown) {
      await crowd.add(`down-${crowd.deliveries}`, { ends: false });
    }
    await upAgain;
    for (let index = 0; context.goOn(crowd.deliveries); index += 1) {
      const name = HARMS[index % HARMS.length] ?? "cut";
      const atEnd = Math.floor(index / HARMS.length) % ENDS_EACH === ENDS_EACH - 1;
      const service = `${name}-${index}`;
      const harm = harmOf(name, sizes, context.random);
      providers.harm(fingerprintOfService(service), harm, { atEnd });
      await crowd.add(service, { ends: atEnd });
    }
    return crowd.finish(providers, lag);
  },
};

/** Incidents that are begun a few at a time, some of them ended once they were told. */
class Crowd {
  readonly #context: RowContext;
  readonly #workers: readonly WorkerProcess[];
  readonly #begunMs = new Map<string, number>(); // By incident.
  readonly #toEnd = new Map<string, readonly [string, WorkerProcess]>(); // By incident: its service.
  readonly #ended = new Set<string>();

  constructor(context: RowContext, workers: readonly WorkerProcess[]) {
    this.#context = context;
    this.#workers = workers;
  }

  get deliveries(): number {
    return this.#begunMs.size * PER_INCIDENT;
  }

  async add(service: string, { ends }: { readonly ends: boolean }): Promise<void> {
    const { random, progress } = this.#context;
    while (this.#untold().length >= OUTSTANDING_MAX) await pause(BATCH_MS);
    const worker = pick(this.#workers, random);
    const incidentId = incidentIdOf(fingerprintOfService(service), 1);
    this.#begunMs.set(incidentId, Date.now());
    if (ends) this.#toEnd.set(incidentId, [service, worker]);
    const signals = [{ service, onsetAgeMs: 40_000, severity: "error" } as const];
    await worker.tell({ do: "sight", signals, atMs: null });
    this.#endTold();
    progress(this.deliveries);
    await pause(BATCH_MS);
  }

  /** Waits until all is told that is to be told, and says what did not hold. */
  async finish(providers: Providers, lag: MachineLag): Promise<RowOutcome> {
    const { sink, until, isSlice } = this.#context;
    const maxMs = isSlice ? TOLD_IN_SLICE_MS_MAX : TOLD_MS_MAX;
    const problems: string[] = [];
    const told = await until(() => {
      this.#endTold();
      return this.#untold().length === 0 && this.#toEnd.size === 0;
    }, maxMs);
    if (!told) problems.push(`${this.#untold().length} incidents are not told everywhere`);
    const isOver = () => {
      const over = this.#tellings(({ state }) => state === "resolved");
      return [...this.#ended].every((one) => over.get(one) === CHANNELS_EACH);
    };
    if (!(await until(isOver, maxMs))) problems.push("not every end was told everywhere");
    if (providers.early > 0) problems.push(`${providers.early} came before Retry-After`);
    const marked = sink.effects.filter((effect) => effect.marked).length;
    if (marked > 0) problems.push(`${marked} messages say that they may be a repeat`);
    const calmMs = this.#calmMs();
    const slowest = Math.max(0, ...calmMs);
    if (slowest >= CALM_MS_MAX + LAGS * lag.worstMs)
      problems.push(`another channel was told after ${slowest} ms`);
    const figures = {
      harmed: providers.harmed,
      "another channel's p99, ms": Math.round(percentile(calmMs, 0.99)),
      "its slowest, ms": Math.round(slowest),
      "the machine's lag, ms": Math.round(lag.worstMs),
    };
    return { done: this.deliveries, problems, figures, epochsOf: () => 1 };
  }

  /** From the moment a processor saw it to the request at the channel that nothing is done to. */
  #calmMs(): number[] {
    return this.#context.sink.effects.flatMap(({ channel, action, incidentId, atMs }) => {
      const begunMs = this.#begunMs.get(incidentId);
      return channel === CALM && action === "trigger" && begunMs !== undefined
        ? [atMs - begunMs]
        : [];
    });
  }

  /** What all channels have heard of, and is to end, ends. */
  #endTold(): void {
    const untold = new Set(this.#untold());
    for (const [incidentId, [service, worker]] of this.#toEnd) {
      if (untold.has(incidentId)) continue;
      this.#toEnd.delete(incidentId);
      this.#ended.add(incidentId);
      void worker.tell({ do: "clear", services: [service] });
    }
  }

  #untold(): string[] {
    const told = this.#tellings(({ action }) => action === "post" || action === "trigger");
    return [...this.#begunMs.keys()].filter((one) => (told.get(one) ?? 0) < CHANNELS_EACH);
  }

  /** Incident → on how many channels something has happened. */
  #tellings(counts: (effect: Effect) => boolean): Map<string, number> {
    const channels = new Map<string, Set<string>>();
    for (const effect of this.#context.sink.effects) {
      if (!counts(effect)) continue;
      const found = channels.get(effect.incidentId) ?? new Set();
      channels.set(effect.incidentId, found.add(effect.channel));
    }
    return new Map([...channels].map(([incidentId, { size }]) => [incidentId, size]));
  }
}
