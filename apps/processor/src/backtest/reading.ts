import { type Clock, TracerError } from "@tracer/core";
import type { DecodeReport } from "@tracer/ingest";
import type { Collector } from "./collector.ts";
import { type Input, inputError, readInput } from "./input.ts";
import type { Progress } from "./progress.ts";
import { RecordBlocks } from "./record-blocks.ts";
import type { InputProblem, ReportInput } from "./report.ts";

/** Unreadable records that are named, and as many of those with an unreadable field. */
export const PROBLEMS_MAX = 10;
/** The reading lets others run (signals, the progress bar's terminal) this often. */
const TURN_MS = 50;

export interface ReadingOptions {
  readonly collector: Collector;
  readonly stdin: AsyncIterable<unknown>;
  readonly stop: AbortSignal;
  readonly progress: Progress;
  readonly clock: Clock;
}

/** Reads inputs one after the other into a collector. */
export class Reading {
  readonly #options: ReadingOptions;
  readonly #problems: InputProblem[] = [];
  readonly #warningProblems: InputProblem[] = [];
  #warnings = 0;
  #bytes = 0;
  #overlong = 0;
  #readBytes = 0;

  constructor(options: ReadingOptions) {
    this.#options = options;
  }

  /**
   * Reads all of them. The name of the first that turns out to hold metrics instead of logs, else null.
   *
   * @throws TracerError that names the input.
   */
  async readAll(inputs: readonly Input[]): Promise<string | null> {
    const { collector, stop } = this.#options;
    for (const [index, input] of inputs.entries()) {
      const layout = await this.#read(input, index + 1);
      if (stop.aborted) return null;
      if (layout === "metric_csv") return input.name;
    }
    collector.run.end();
    return null;
  }

  /** What was read. */
  get result(): ReportInput {
    return {
      collector: this.#options.collector,
      bytes: this.#bytes,
      problems: this.#problems,
      warnings: this.#warnings,
      warningProblems: this.#warningProblems,
      overlong: this.#overlong,
    };
  }

  async #read(input: Input, number: number): Promise<RecordBlocks["layout"]> {
    const { collector, stdin, stop, progress, clock } = this.#options;
    let before = 0;
    const blocks = new RecordBlocks({
      onBlock: (bytes) => {
        const report = collector.run.read(bytes);
        this.#note(report, number, before);
        before += report.accepted + report.rejected;
      },
    });
    const onBytes = (bytes: number) => {
      this.#readBytes += bytes;
    };
    let turnMs = clock.monotonicMs();
    try {
      for await (const chunk of readInput(input, stdin, onBytes)) {
        if (stop.aborted || blocks.layout === "metric_csv") break;
        this.#bytes += chunk.length;
        blocks.add(chunk);
        progress.update(this.#readBytes, collector.run.accepted);
        if (clock.monotonicMs() - turnMs < TURN_MS) continue;
        await new Promise<void>((resolve) => setImmediate(resolve));
        turnMs = clock.monotonicMs();
      }
      if (!stop.aborted) blocks.end();
    } catch (error) {
      throw error instanceof TracerError && error.code === "BODY_TOO_LARGE"
        ? inputError(input.name, error)
        : error;
    }
    this.#overlong += blocks.overlong;
    return blocks.layout;
  }

  #note(report: DecodeReport, input: number, before: number): void {
    const problem = ({ index, field, reason }: DecodeReport["errors"][number]) => {
      const where = field === null ? "" : `${field}: `;
      // A byte of a block says nothing about the file.
      const said = reason.replace(/ at byte \d+/u, "");
      return { input, record: before + index + 1, reason: `${where}${said}` };
    };
    if (report.rejected > 0) {
      const room = PROBLEMS_MAX - this.#problems.length;
      this.#problems.push(...report.errors.slice(0, room).map(problem));
    }
    if (report.warningCount === 0) return;
    this.#warnings += report.warningCount;
    const room = PROBLEMS_MAX - this.#warningProblems.length;
    this.#warningProblems.push(...report.warnings.slice(0, room).map(problem));
  }
}
