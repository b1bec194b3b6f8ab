import { setImmediate as nextTurn } from "node:timers/promises";
import { CountDeltas, type SignalKey, TracerError } from "@tracer/core";
import type { Detector, TemplateBook, Transition } from "@tracer/detect";
import {
  type CreateDecoder,
  countBatch,
  createWasmScanner,
  type DecodeFatal,
  type DecodeReport,
  type ExemplarRings,
  pinnedTo,
  RecordBatch,
  type SeriesDirectory,
  type WasmScanner,
} from "@tracer/ingest";
import type { Announcer } from "./announcer.ts";
import type { DecisionRecorder } from "./decisions/recorder.ts";
import { LineQueue } from "./line-queue.ts";
import type { Observe } from "./observe.ts";
import { decidedBy } from "./templates.ts";

/** Bytes decoded before other requests and timers get their turn; about a millisecond of work. */
const SLICE_BYTES = 128 * 1024;
/** Count columns kept for reuse; a batch in hand owns one. */
const SPARE_DELTAS_MAX = 4;
/** A column set that grew beyond this is not kept. */
const SPARE_CELLS_MAX = 4_096;
/** How often the memory of services that are silent for long is given back… */
const RELEASE_EACH_MS = 10_000;
/** …between two batches if there is such a moment; after this long, new batches wait for one. */
const RELEASE_LATE_MS = 60_000;

export interface PipelineOptions {
  readonly directory: SeriesDirectory;
  readonly detector: Detector;
  readonly templates: TemplateBook;
  readonly rings: ExemplarRings;
  readonly announcer: Pick<Announcer, "take" | "sight" | "pendingCount">;
  readonly receiptMs: () => number;
  readonly observe: Observe;
  /** Called when there is something to write. */
  readonly onSignals: () => void;
  /** Keeps account of what was decided. */
  readonly decisions: Pick<DecisionRecorder, "take" | "release">;
  /** What is kept of a line. */
  readonly redact?: (line: string) => string;
  /** Told of every batch that was counted. */
  readonly collect?: (deltas: CountDeltas) => void;
}

export interface BatchOrigin {
  /** For metrics and events; one of few. */
  readonly protocol: string;
  readonly createDecoder: CreateDecoder;
  readonly project: string;
  /** Service of records that name none. */
  readonly defaultService: string;
  /** Service of all records, whatever they say. */
  readonly pinnedService?: string;
  /**
   * Called with the records that will be counted, at the last moment at which nothing is; throws when they are
   * too many for whoever sent them.
   */
  readonly take?: (records: number) => void;
}

/** Records → counts → detector → signals, one batch at a time. Holds everything between ingest and store. */
export class Pipeline {
  readonly #options: PipelineOptions;
  readonly #spare: CountDeltas[] = [];
  /** Shared by all bodies: it is empty whenever one gives another its turn. */
  readonly #batch = new RecordBatch();
  readonly #scanner: WasmScanner | null;
  #decoding = 0;
  #releasedMs: number | null = null;
  /** While set, new batches wait until those in hand are done. */
  #gate: PromiseWithResolvers<void> | null = null;
  #overflowSaid = false;

  constructor(options: PipelineOptions) {
    this.#options = options;
    this.#scanner = createWasmScanner(options.directory);
  }

  /**
   * Decodes a whole body and counts it at once; until then nothing of it is counted. Throws a TracerError
   * when it holds no record that can be counted.
   */
  async ingest(bytes: Uint8Array, origin: BatchOrigin): Promise<DecodeReport> {
    const { directory, detector, templates, rings, observe } = this.#options;
    while (this.#gate !== null) await this.#gate.promise;
    const receiptMs = this.#options.receiptMs();
    const lines = new LineQueue(templates, this.#options.redact);
    const deltas = this.#spare.pop() ?? new CountDeltas();
    this.#decoding += 1;
    try {
      let full = false;
      const { pinnedService } = origin;
      const isPinned = pinnedService !== undefined;
      const context = {
        directory: isPinned ? pinnedTo(directory, pinnedService) : directory,
        projectId: directory.project(origin.project),
        defaultService: origin.defaultService,
        receiptMs,
        batch: this.#batch,
        scanner: isPinned ? null : this.#scanner, // It knows services of its own.
      };
      const decoder = origin.createDecoder(bytes, context, (batch) => {
        rings.collect(batch, decoder.text);
        lines.collect(batch);
        if (!countBatch(batch, deltas)) full = true;
      });
      while (!decoder.advance(SLICE_BYTES)) await nextTurn();
      const { report } = decoder;
      origin.take?.(report.accepted);
      if (decoder.fatal !== null) throw refused(decoder.fatal, report);
      if (full) throw tooManyCells();
      // Before they are counted, which closes their steps.
      while (!lines.learn(decoder.text, detector)) await nextTurn();
      const { late } = detector.observe(deltas, receiptMs);
      this.#options.collect?.(deltas);
      const { accepted, rejected, future } = report;
      observe({
        name: "records_counted",
        protocol: origin.protocol,
        accepted,
        rejected,
        late,
        future,
        bytes: bytes.length,
      });
      this.#announce(decidedBy(detector, templates));
      return report;
    } finally {
      this.#decoding -= 1;
      if (this.#gate !== null) this.#releaseIdle();
      this.#keep(deltas);
    }
  }

  /** Counts in what came to other processors. */
  countForeign(deltas: CountDeltas): { late: number } {
    const { detector, templates } = this.#options;
    const { late } = detector.observeForeign(deltas, this.#options.receiptMs());
    this.#announce(decidedBy(detector, templates));
    return { late };
  }

  /** Lets time pass in the detector: silence is evidence. Called about once a second. */
  tick(): void {
    const receiptMs = this.#options.receiptMs();
    const { detector, templates, announcer, onSignals } = this.#options;
    detector.tick(receiptMs);
    this.#announce(decidedBy(detector, templates));
    announcer.sight([...detector.openSignals(), ...templates.openSignals()]);
    if (announcer.pendingCount > 0) onSignals();
    this.#sayOverflow();
    this.#releasedMs ??= receiptMs;
    const sinceMs = receiptMs - this.#releasedMs;
    if (sinceMs >= RELEASE_LATE_MS && this.#decoding > 0) {
      this.#gate ??= Promise.withResolvers();
    } else if (sinceMs >= RELEASE_EACH_MS) this.#releaseIdle();
  }

  /**
   * Takes what this process sees of a signal as the new normal, because a person says so. False: it sees no
   * such signal, and nothing changes.
   */
  accept(key: SignalKey): boolean {
    const { detector, directory, templates } = this.#options;
    const slot = directory.find(key);
    if (slot < 0) return false;
    const accepted =
      key.kind === "template"
        ? templates.accept(slot, key.part)
        : detector.accept(slot, key.kind, key.part);
    if (accepted) this.#announce(decidedBy(detector, templates));
    return accepted;
  }

  #announce(transitions: readonly Transition[]): void {
    if (transitions.length === 0) return;
    this.#options.announcer.take(transitions);
    this.#options.decisions.take(transitions);
    this.#options.onSignals();
  }

  /** A slot may be given away again only while no batch in hand refers to it. */
  #releaseIdle(): void {
    const { detector, directory, rings, templates, decisions, receiptMs } = this.#options;
    if (this.#decoding > 0) return;
    this.#releasedMs = receiptMs();
    const idle = detector.idleSlots(this.#releasedMs);
    for (const slot of idle) {
      detector.release(slot);
      templates.release(slot);
      rings.release(slot);
      directory.release(slot);
      decisions.release(slot);
    }
    if (idle.length > 0) {
      detector.trim();
      directory.trim();
      templates.trim(directory.slotEnd);
    }
    this.#gate?.resolve();
    this.#gate = null;
  }

  /** Once: that there are more services than SERIES_MAX. */
  #sayOverflow(): void {
    const { directory, observe } = this.#options;
    if (this.#overflowSaid || directory.overflowed === 0) return;
    this.#overflowSaid = true;
    observe({ name: "series_full", seriesMax: directory.seriesMax });
  }

  #keep(deltas: CountDeltas): void {
    if (this.#spare.length >= SPARE_DELTAS_MAX || deltas.length > SPARE_CELLS_MAX) return;
    deltas.clear();
    this.#spare.push(deltas);
  }
}

function refused({ code, message, offset }: DecodeFatal, report: DecodeReport): TracerError {
  const { accepted, rejected, errors } = report;
  const details = rejected > 0 ? { accepted, rejected, errors } : { offset };
  return new TracerError(code, message, { details });
}

function tooManyCells(): TracerError {
  return new TracerError(
    "BODY_TOO_LARGE",
    "The batch spans too many services and times at once; send smaller batches.",
  );
}
