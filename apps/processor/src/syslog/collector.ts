import { TracerError } from "@tracer/core";
import { createSyslogDecoder, type DecodeReport } from "@tracer/ingest";
import { statusOf } from "../http/errors.ts";
import type { InFlight, InFlightShare } from "../http/in-flight.ts";
import type { Observe } from "../observe.ts";
import type { BatchOrigin } from "../pipeline.ts";

/** A batch is counted when it has this many bytes, … */
export const BATCH_BYTES_MAX = 256 * 1024;
/** … or when its first message has waited this long. */
export const BATCH_MS_MAX = 100;
const BATCH_BYTES_FIRST = 4 * 1024;
/** Digits of a count, and its space. */
const COUNT_BYTES_MAX = 8;
/** How often a sender that waits asks again. */
const BUSY_PAUSE_MS = 20;

export interface CollectorOptions {
  /** Label of metrics: `syslog` or `syslog-udp`. */
  readonly protocol: string;
  /** Bytes of messages that may wait here; beyond, `isFull`. */
  readonly bytesMax: number;
  readonly ingest: (bytes: Uint8Array, origin: BatchOrigin) => Promise<DecodeReport>;
  readonly inFlight: InFlight;
  readonly observe: Observe;
}

interface Batch {
  readonly share: InFlightShare;
  bytes: Buffer;
  end: number;
  messages: number;
  /** What it takes of `bytesMax`. */
  waiting: number;
}

/**
 * Gathers messages of many connections into batches and has them counted one batch at a time. What
 * waits is part of the budget of bytes in flight.
 */
export class SyslogCollector {
  readonly #options: CollectorOptions;
  #open: Batch | null = null;
  readonly #closed: Batch[] = [];
  #waitingBytes = 0;
  #timer: NodeJS.Timeout | null = null;
  #counting: Promise<void> | null = null;
  #waiters: (() => void)[] = [];

  constructor(options: CollectorOptions) {
    this.#options = options;
  }

  /** True: nothing should be added before some of it is counted. */
  get isFull(): boolean {
    return this.#waitingBytes >= this.#options.bytesMax;
  }

  /** Adds the message in [start, end). False: there is no room for it in the budget, and it was not taken. */
  add(bytes: Uint8Array, start: number, end: number): boolean {
    const needed = end - start + COUNT_BYTES_MAX;
    const batch = this.#openFor(needed);
    if (batch === null) return false;
    batch.end += batch.bytes.write(`${end - start} `, batch.end, "latin1");
    batch.bytes.set(bytes.subarray(start, end), batch.end);
    batch.end += end - start;
    batch.messages += 1;
    batch.waiting += needed;
    this.#waitingBytes += needed;
    if (batch.end >= BATCH_BYTES_MAX) this.flush();
    return true;
  }

  /** Waits until there is room again. Resolves at once when there is. */
  async room(): Promise<void> {
    while (this.isFull) await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  /** Waits a little for the budget, of which others hold too much. */
  async pause(): Promise<void> {
    this.flush();
    await new Promise((resolve) => setTimeout(resolve, BUSY_PAUSE_MS));
  }

  /** Has what is there counted now. */
  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#open === null) return;
    this.#closed.push(this.#open);
    this.#open = null;
    this.#counting ??= this.#count();
  }

  /** Resolves when all that was added is counted. */
  async drain(): Promise<void> {
    this.flush();
    while (this.#counting !== null) await this.#counting;
  }

  #openFor(needed: number): Batch | null {
    try {
      const batch = this.#open ?? this.#begin();
      const wanted = batch.end + needed;
      if (wanted > batch.bytes.length) {
        const length = Math.max(wanted, 2 * batch.bytes.length);
        batch.share.grow(length - batch.bytes.length);
        const larger = Buffer.allocUnsafeSlow(length);
        batch.bytes.copy(larger, 0, 0, batch.end);
        batch.bytes = larger;
      }
      return batch;
    } catch (error) {
      if (error instanceof TracerError) return null;
      throw error;
    }
  }

  #begin(): Batch {
    const share = this.#options.inFlight.admit(BATCH_BYTES_FIRST);
    const batch = {
      share,
      bytes: Buffer.allocUnsafeSlow(BATCH_BYTES_FIRST),
      end: 0,
      messages: 0,
      waiting: 0,
    };
    this.#open = batch;
    this.#timer = setTimeout(() => this.flush(), BATCH_MS_MAX);
    return batch;
  }

  async #count(): Promise<void> {
    for (let batch = this.#closed.shift(); batch !== undefined; batch = this.#closed.shift()) {
      await this.#countBatch(batch);
    }
    this.#counting = null;
  }

  async #countBatch({ share, bytes, end, messages, waiting }: Batch): Promise<void> {
    const { ingest, protocol, observe } = this.#options;
    try {
      await ingest(bytes.subarray(0, end), {
        ...{ protocol, createDecoder: createSyslogDecoder },
        ...{ project: "default", defaultService: "unknown" },
      });
    } catch (error) {
      // Nobody can be told, so it is said and counted.
      const code = error instanceof TracerError ? error.code : "INTERNAL";
      observe({ name: "batch_refused", protocol, code, status: statusOf(code) });
      observe({
        name: "syslog_loss",
        protocol,
        what: "dropped",
        count: messages,
        total: messages,
        say: true,
      });
    } finally {
      share.release();
      this.#waitingBytes -= waiting;
      for (const resolve of this.#waiters.splice(0)) resolve();
    }
  }
}
