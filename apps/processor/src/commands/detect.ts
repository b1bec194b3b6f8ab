import { once } from "node:events";
import { CountDeltas, STEP_MS, stepStartOf } from "@tracer/core";
import { Detector, type Transition } from "@tracer/detect";
import { createLogsDecoder, type RecordBatch, SeriesDirectory } from "@tracer/ingest";
import { readConfig } from "../config.ts";
import { Exit } from "../exit.ts";
import type { CommandContext } from "./context.ts";

const LINE_BYTES_MAX = 2 * 1024 * 1024;
const NEW_LINE = 0x0a;

/**
 * NDJSON log records on stdin, NDJSON decisions on stdout, in event time alone and deterministic: what is
 * written for the beginning of an input is the beginning of what is written for all of it.
 */
export async function detect(
  context: CommandContext,
  { counts = false }: { counts?: boolean },
): Promise<Exit> {
  const { stdin, stdout, stderr, environment, stop } = context;
  const run = new EventTimeRun(readConfig(environment), counts);
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of stdin) {
    if (stop.aborted) break;
    const bytes: Buffer =
      rest.length === 0 ? toBuffer(chunk) : Buffer.concat([rest, toBuffer(chunk)]);
    const end = bytes.lastIndexOf(NEW_LINE) + 1;
    rest = bytes.subarray(end);
    if (rest.length > LINE_BYTES_MAX) rest = Buffer.alloc(0); // A record cannot be that long.
    const written = end === 0 ? "" : run.read(bytes.subarray(0, end));
    if (written !== "" && !stdout.write(written)) {
      await once(stdout, "drain", { signal: stop }).catch(() => {}); // Nobody reads any more.
    }
  }
  if (rest.length > 0) stdout.write(run.read(rest));
  const { accepted, rejected } = run;
  if (rejected > 0)
    stderr.write(`${rejected} of ${accepted + rejected} records could not be read.\n`);
  return accepted === 0 && rejected > 0 ? Exit.failed : Exit.ok;
}

function toBuffer(chunk: unknown): Buffer {
  return Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
}

/** The detector under a clock made of event time: the newest record so far is now. */
class EventTimeRun {
  accepted = 0;
  rejected = 0;
  readonly #directory: SeriesDirectory;
  readonly #detector: Detector;
  readonly #deltas = new CountDeltas();
  readonly #readCount: boolean;
  readonly #lines: string[] = [];
  #newestMs = Number.NEGATIVE_INFINITY;
  #groupEndMs = Number.NEGATIVE_INFINITY;

  constructor(config: { seriesMax: number; latenessSeconds: number }, readCount: boolean) {
    const { seriesMax, latenessSeconds } = config;
    this.#directory = new SeriesDirectory({ seriesMax });
    const slotsMax = this.#directory.seriesMax + this.#directory.projectsMax;
    this.#detector = new Detector({ seriesMax: slotsMax, latenessSeconds });
    this.#readCount = readCount;
  }

  /** Takes whole lines, returns the lines to write. */
  read(bytes: Uint8Array): string {
    const context = {
      directory: this.#directory,
      projectId: this.#directory.project("default"),
      defaultService: "unknown",
      receiptMs: Number.POSITIVE_INFINITY, // Nothing is ahead of its receipt; a record without a time shows as this.
      readCount: this.#readCount,
    };
    const decoder = createLogsDecoder(bytes, context, (batch) => this.#take(batch));
    while (!decoder.advance(bytes.length)) {}
    this.accepted += decoder.report.accepted;
    this.rejected += decoder.report.rejected;
    return this.#lines.splice(0).join("");
  }

  /** Records are counted in groups that end with the step of the newest of them. */
  #take(batch: RecordBatch): void {
    for (let row = 0; row < batch.length; row += 1) {
      const eventMs = batch.timestampMs[row] ?? Number.NaN;
      const atMs = Number.isFinite(eventMs) ? eventMs : this.#newestMs;
      if (!Number.isFinite(atMs)) continue; // The first record of all has no time: there is no now yet.
      if (atMs >= this.#groupEndMs) this.#endGroup(atMs);
      if (atMs > this.#newestMs) this.#newestMs = atMs;
      this.#deltas.add(
        batch.slot[row] ?? 0,
        atMs,
        batch.level[row] ?? 0,
        batch.latencyMs[row] ?? Number.NaN,
        batch.count[row] ?? 1,
      );
    }
  }

  #endGroup(nextMs: number): void {
    if (this.#deltas.length > 0) {
      this.#detector.observe(this.#deltas, this.#newestMs);
      this.#deltas.clear();
    }
    this.#detector.tickTo(stepStartOf(nextMs));
    this.#groupEndMs = stepStartOf(nextMs) + STEP_MS;
    for (const transition of this.#detector.takeTransitions()) this.#write(transition);
  }

  #write({ state, signal }: Transition): void {
    if (state === "changed") return;
    const { slot, kind, part, severity, evidence } = signal;
    const { service = "(all)", environment = "" } = this.#directory.key(slot) ?? {};
    const decidedMs = state === "opened" ? signal.decidedMs : signal.lastStepMs;
    const line = {
      ts: new Date(decidedMs).toISOString(),
      service,
      ...(environment === "" ? {} : { environment }),
      cls: kind,
      ...(part === "" ? {} : { part }),
      state: state === "opened" ? "open" : "resolved",
      severity,
      since: new Date(signal.onsetMs).toISOString(),
      observed: evidence.observed,
      expected: evidence.expected,
      z: evidence.z,
      evidence: evidence.evidence,
      reason: evidence.sentence,
    };
    this.#lines.push(`${JSON.stringify(line)}\n`);
  }
}
