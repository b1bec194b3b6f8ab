import { TracerError } from "@tracer/core";
import type { MetricBook } from "@tracer/detect";
import { decodeOtlpMetrics, MetricRates } from "@tracer/ingest";
import type { Announcer } from "./announcer.ts";
import type { Observe } from "./observe.ts";

export interface MetricPipelineOptions {
  readonly book: MetricBook;
  readonly announcer: Announcer;
  readonly receiptMs: () => number;
  readonly observe: Observe;
  /** Called when there is something to write. */
  readonly onSignals: () => void;
}

export interface MetricOrigin {
  readonly project: string;
  /** Service of resources that name none. */
  readonly defaultService: string;
  /** Service of all points, whatever they say. */
  readonly pinnedService?: string;
}

/** What became of the points of a body. */
export interface MetricReport {
  readonly accepted: number;
  readonly rejected: number;
  /** Why some were refused; `""`: none was. */
  readonly message: string;
}

/** Points → series → signals of kind `metric`, beside the records' own pipeline. */
export class MetricPipeline {
  readonly #options: MetricPipelineOptions;
  readonly #rates = new MetricRates();

  constructor(options: MetricPipelineOptions) {
    this.#options = options;
  }

  /** Takes the points of one body. Throws a TracerError when it cannot be read, and then nothing was taken. */
  ingest(bytes: Uint8Array, origin: MetricOrigin): MetricReport {
    const { project, defaultService, pinnedService } = origin;
    const { book, observe } = this.#options;
    const receiptMs = this.#options.receiptMs();
    const { points, rejected, fatal } = decodeOtlpMetrics(bytes, { defaultService, receiptMs });
    if (fatal !== null) throw new TracerError(fatal.code, fatal.message);
    let homeless = 0;
    let late = 0;
    for (const point of points) {
      const { environment, timeMs } = point;
      const service = pinnedService ?? point.service;
      const before = book.overflowed;
      const lateBefore = book.late;
      for (const { name, value } of this.#rates.valuesOf({ ...point, service }, project)) {
        book.add({ project, environment, service }, name, timeMs, value, receiptMs);
      }
      if (book.overflowed > before) homeless += 1;
      if (book.late > lateBefore) late += 1;
    }
    const accepted = points.length - homeless;
    observe({
      ...{ name: "records_counted", protocol: "otlp_metrics", accepted, late, future: 0 },
      ...{ rejected: rejected + homeless, bytes: bytes.length },
    });
    this.#announce();
    const reasons = [
      ...(rejected > 0 ? [`${rejected} without a number that can be used`] : []),
      ...(homeless > 0 ? [`${homeless} of series beyond METRIC_SERIES_MAX`] : []),
    ];
    return { accepted, rejected: rejected + homeless, message: reasons.join("; ") };
  }

  /** Lets time pass. Called about once a second. */
  tick(): void {
    const { book, announcer, receiptMs } = this.#options;
    book.tick(receiptMs());
    this.#announce();
    announcer.sight(book.openSignals());
  }

  #announce(): void {
    const { book, announcer, onSignals } = this.#options;
    const transitions = book.takeTransitions();
    if (transitions.length === 0) return;
    announcer.take(transitions);
    onSignals();
  }
}
