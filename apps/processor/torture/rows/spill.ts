import { mkdtemp, readFile, rm, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TracerError } from "@tracer/core";
import { type Sighting, type SightResult, sight } from "@tracer/store";
import { aSighting } from "@tracer/testkit";
import { Announcer } from "../../src/announcer.ts";
import type { Observe } from "../../src/observe.ts";
import { replaySpill } from "../../src/spill/replay.ts";
import { BLOCKED_MS, Spill } from "../../src/spill/spill.ts";
import type { TracerEvent } from "../../src/tracer-event.ts";
import { fingerprintOfService, keyOf } from "../keys.ts";
import type { Row, RowContext } from "../row.ts";

const SIGNALS = 3;
/** One disk in so many is full; the others' files are torn. */
const FULL_EACH = 101;
const FULL_DISK = "/dev/full";
/** What every record of the file begins with; no text of ours can hold it. */
const MARKER = Buffer.from([0xff, 0x53, 0x50]);

/** What waits for the database on disk: torn at any byte, or on a disk that takes nothing. */
export const spill: Row = {
  name: "spill",
  text:
    "spill file torn at a random byte ×1,000: every whole record is replayed, and nothing else; disk full ×10: what is " +
    "not kept is counted, and told from memory",
  fullSize: 1_010,
  sliceSize: 30,
  unit: "files",
  fullMinutes: 2,
  run: async (context) => {
    await context.spawn();
    const folder = await mkdtemp(join(tmpdir(), "tracer-torture-"));
    context.keep({ [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) });
    const problems: string[] = [];
    const figures = { "whole records": 0, "torn records": 0, "full disks": 0 };
    let done = 0;
    while (context.goOn(done)) {
      done += 1;
      const services = Array.from({ length: SIGNALS }, (_, index) => `spill-${done}-${index}`);
      if (done % FULL_EACH === 1) {
        problems.push(...(await fillDisk(context, services)));
        figures["full disks"] += 1;
      } else {
        const path = join(folder, `${done}.log`);
        const { whole, problem } = await tear(context, services, path);
        figures["whole records"] += whole;
        figures["torn records"] += SIGNALS - whole;
        if (problem !== null) problems.push(problem);
        await rm(path, { force: true });
      }
      context.progress(done);
    }
    return { done, problems, figures, epochsOf: () => 1 };
  },
};

/** A processor without a database loses the end of its file with its life; the next one goes on with it. */
async function tear(context: RowContext, services: readonly string[], path: string) {
  const { random, ledger } = context;
  const first = new Processor(context, services);
  const file = first.spillTo(path);
  await first.see();
  await file.round();
  const bytes = await readFile(path);
  const length = Math.floor(random() * (bytes.length + 1));
  await truncate(path, length);
  const second = new Processor(context, []);
  second.isAway = false;
  const { states } = await replaySpill({ path, observe: second.observe });
  second.announcer.restorePending(states);
  await second.announcer.flush();
  await file.close();
  const whole = endsOf(bytes).filter((end) => end <= length).length;
  const told = services.map(fingerprintOfService).filter((one) => ledger.outcomes.has(one)).length;
  const problem = `${told} of ${whole} whole records were replayed from ${length} of ${bytes.length} bytes`;
  return { whole, problem: told === whole ? null : problem };
}

/** It cannot keep anything, says so, and has told all of it once the database is back. */
async function fillDisk(context: RowContext, services: readonly string[]): Promise<string[]> {
  const processor = new Processor(context, services);
  const file = processor.spillTo(FULL_DISK);
  await processor.see();
  await file.round();
  const problems: string[] = [];
  const counted = processor.events.reduce(
    (sum, event) => sum + (event.name === "spill_dropped" ? event.count : 0),
    0,
  );
  if (counted !== services.length) problems.push(`a full disk: ${counted} were counted`);
  processor.isAway = false;
  await processor.announcer.flush();
  await file.close();
  const told = services.filter((one) => context.ledger.outcomes.has(fingerprintOfService(one)));
  if (told.length !== services.length) problems.push(`a full disk: ${told.length} were told`);
  return problems;
}

/** Where each record of a file that is whole ends. */
function endsOf(bytes: Buffer): number[] {
  const ends: number[] = [];
  for (let at = 0; at !== -1; ) {
    const next = bytes.indexOf(MARKER, at + MARKER.length);
    ends.push(next === -1 ? bytes.length : next);
    at = next;
  }
  return ends;
}

/** The announcer of a processor, with a way to the database that can be closed. */
class Processor {
  isAway = true;
  readonly announcer: Announcer;
  readonly events: TracerEvent[] = [];
  readonly observe: Observe = Object.assign((event: TracerEvent) => void this.events.push(event), {
    metrics: async () => "",
    watch: () => {},
    recordsAccepted: () => 0,
    close: () => {},
  });
  readonly #context: RowContext;
  readonly #services: readonly string[];
  #passedMs = 0;

  constructor(context: RowContext, services: readonly string[]) {
    this.#context = context;
    this.#services = services;
    this.announcer = new Announcer({
      staleSeconds: 900,
      sightSeconds: 10,
      receiptMs: () => performance.timeOrigin + this.#nowMs(),
      monotonicMs: () => this.#nowMs(),
      keyOf: (slot) => keyOf(services[slot] ?? ""),
      linesOf: () => ["payment failed: card declined"],
      sight: (sightings) => this.#sight(sightings),
      clear: async () => {},
      observe: this.observe,
      onWritten: () => {},
    });
  }

  spillTo(path: string): Spill {
    const monotonicMs = () => this.#nowMs();
    return new Spill({
      path,
      size: 0,
      announcer: this.announcer,
      observe: this.observe,
      monotonicMs,
    });
  }

  /** Sees a signal of each service, asks the database, and waits longer than it has patience. */
  async see(): Promise<void> {
    const nowMs = performance.timeOrigin + this.#nowMs();
    const { evidence } = aSighting();
    this.announcer.sight(
      this.#services.map((_, slot) => ({
        ...{ slot, kind: "error", part: "", severity: "error", peak: 1, evidence },
        ...{ onsetMs: nowMs - 40_000, decidedMs: nowMs, lastStepMs: nowMs },
      })),
    );
    await this.announcer.flush().catch(() => {});
    this.#passedMs += BLOCKED_MS;
  }

  async #sight(sightings: readonly Sighting[]): Promise<SightResult[]> {
    const { pool, times, sink, ledger } = this.#context;
    if (this.isAway) throw new TracerError("DATABASE_UNAVAILABLE", "The database is away.");
    const channels = sink.channels.map(({ name }) => name);
    const results = await sight(pool, sightings, { ...times, channels });
    for (const result of results) ledger.sighted(result);
    return results;
  }

  #nowMs(): number {
    return performance.now() + this.#passedMs;
  }
}
