import { type Clock, TracerError } from "@tracer/core";
import type { DecodeReport } from "@tracer/ingest";
import type { Collector } from "./collector.ts";
import { type Input, inputError, readInput } from "./input.ts";
import type { MetricCollector } from "./metric-collector.ts";
import { CsvRows, csvShapeOf } from "./metric-csv.ts";
import type { Progress } from "./progress.ts";
import { HEAD_BYTES, layoutOf, RecordBlocks } from "./record-blocks.ts";
import type { InputProblem, ReportInput } from "./report.ts";

/** Unreadable records that are named, and as many of those with an unreadable field. */
export const PROBLEMS_MAX = 10;
/** The reading lets others run (signals, the progress bar's terminal) this often. */
const TURN_MS = 50;

export interface ReadingOptions {
  readonly collector: Collector;
  readonly metrics: MetricCollector;
  readonly stdin: AsyncIterable<unknown>;
  readonly stop: AbortSignal;
  readonly progress: Progress;
  readonly clock: Clock;
}

/** What the inputs hold, and the name of the first of that kind; both when they hold both. */
export interface Found {
  logs: string | null;
  metrics: string | null;
}

/** Reads inputs one after the other into a collector: that of logs, or that of metrics. */
export class Reading {
  readonly #options: ReadingOptions;
  readonly #problems: InputProblem[] = [];
  readonly #warningProblems: InputProblem[] = [];
  #warnings = 0;
  readonly #found: Found = { logs: null, metrics: null };
  #bytes = 0;
  #overlong = 0;
  #readBytes = 0;

  constructor(options: ReadingOptions) {
    this.#options = options;
  }

  /**
   * Reads all of them; stops where both logs and metrics were found, if it can before anything is read.
   *
   * @throws TracerError that names the input.
   */
  async readAll(inputs: readonly Input[]): Promise<Found> {
    const { collector, stop } = this.#options;
    if (inputs.length > 1) {
      for (const input of inputs) await this.#peek(input);
    }
    for (const [index, input] of inputs.entries()) {
      if (stop.aborted || this.#isMixed) return this.#found;
      await this.#read(input, index + 1);
    }
    collector.run.end();
    return this.#found;
  }

  get #isMixed(): boolean {
    return this.#found.logs !== null && this.#found.metrics !== null;
  }

  #note(input: Input, layout: RecordBlocks["layout"]): void {
    if (layout === "metric_csv") this.#found.metrics ??= input.name;
    else if (layout !== null) this.#found.logs ??= input.name;
  }

  /** Looks at the beginning of a file. What can be read only once is left alone. */
  async #peek(input: Input): Promise<void> {
    if (input.sizeBytes === null || input.sizeBytes === 0) return;
    let head = Buffer.alloc(0);
    for await (const chunk of readInput(input, this.#options.stdin, () => {})) {
      head = Buffer.concat([head, chunk]);
      if (head.length >= HEAD_BYTES) break;
    }
    if (head.length > 0) this.#note(input, layoutOf(head));
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

  async #read(input: Input, number: number): Promise<void> {
    const { collector, metrics, stdin, stop, progress, clock } = this.#options;
    let before = 0;
    const takeRows = metricReader(metrics, input, number);
    const blocks = new RecordBlocks({
      onBlock: (bytes) => {
        this.#note(input, blocks.layout);
        if (this.#isMixed) return;
        if (blocks.layout === "metric_csv") return takeRows.read(bytes);
        const report = collector.run.read(bytes);
        this.#remember(report, number, before);
        before += report.accepted + report.rejected;
      },
    });
    const onBytes = (bytes: number) => {
      this.#readBytes += bytes;
    };
    let turnMs = clock.monotonicMs();
    try {
      for await (const chunk of readInput(input, stdin, onBytes)) {
        if (stop.aborted || this.#isMixed) break;
        this.#bytes += chunk.length;
        blocks.add(chunk);
        progress.update(this.#readBytes, collector.run.accepted + metrics.rows);
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
    takeRows.end();
    this.#overlong += blocks.overlong;
  }

  #remember(report: DecodeReport, input: number, before: number): void {
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

/** Reads the blocks of one metric CSV, the first of which says what its columns are. */
function metricReader(metrics: MetricCollector, input: Input, number: number) {
  let rows: CsvRows | null = null;
  let end = () => {};
  return {
    read: (bytes: Uint8Array) => {
      const block = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      if (rows === null) {
        const shape = csvShapeOf(block.toString("utf8", 0, HEAD_BYTES));
        if (shape === null) return;
        const file = metrics.file(input.name, number, shape);
        rows = new CsvRows(shape, (timestampMs, values) => file.add(timestampMs, values));
        end = () => file.end();
      }
      rows.read(block);
    },
    end: () => end(),
  };
}
