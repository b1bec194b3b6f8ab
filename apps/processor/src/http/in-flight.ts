import { systemClock, TracerError } from "@tracer/core";

/** Bytes of admitted requests, compressed and inflated, that have not been counted yet. */
export const IN_FLIGHT_BYTES_MAX = 256 * 1024 * 1024;

/** Seconds that a refused sender is asked to wait. */
export const RETRY_AFTER_SECONDS = 1;

/** A body that brought less than this… */
const SLOW_BYTES_PER_SECOND = 128 * 1024;
/** …over at least this long gives way when the budget is needed. */
export const SLOW_MS = 3_000;

export interface InFlightOptions {
  readonly bytesMax?: number;
  readonly monotonicMs?: () => number;
}

/**
 * Back-pressure by bytes. A request asks before its body is read and while it grows; what does not fit
 * is refused whole with INGEST_BUSY, so that nothing of the batch was taken. Whoever sends slowly may
 * hold what nobody needs: when the budget is used up, the slowest body gives way first.
 */
export class InFlight {
  readonly bytesMax: number;
  readonly #monotonicMs: () => number;
  readonly #reading = new Set<InFlightShare>();
  #bytes = 0;
  #closed = false;

  constructor({
    bytesMax = IN_FLIGHT_BYTES_MAX,
    monotonicMs = systemClock.monotonicMs,
  }: InFlightOptions = {}) {
    this.bytesMax = bytesMax;
    this.#monotonicMs = monotonicMs;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** From now on nothing is admitted: SHUTTING_DOWN. What was admitted may finish. */
  close(): void {
    this.#closed = true;
  }

  /** Opens a share of `bytes`. Throws INGEST_BUSY or SHUTTING_DOWN; give it back by `release`. */
  admit(bytes: number): InFlightShare {
    if (this.#closed) {
      throw new TracerError("SHUTTING_DOWN", "Tracer is stopping; send this batch again.");
    }
    const share: InFlightShare = new InFlightShare({
      take: (more) => this.#take(more, share),
      bytesMax: this.bytesMax,
      reading: this.#reading,
      monotonicMs: this.#monotonicMs,
    });
    share.grow(bytes);
    return share;
  }

  #take(bytes: number, share: InFlightShare): void {
    while (bytes > 0 && this.#bytes + bytes > this.bytesMax) {
      const slowest = this.#slowest(share);
      if (slowest === null) throw busy();
      slowest.giveWay();
    }
    this.#bytes += bytes;
  }

  /** The body being read that brings least, if that is too little. Only asked when there is no room. */
  #slowest(asking: InFlightShare): InFlightShare | null {
    let slowest: InFlightShare | null = null;
    let least = SLOW_BYTES_PER_SECOND;
    for (const share of this.#reading) {
      if (share === asking || share.bytes === 0) continue;
      const bytesPerSecond = share.bytesPerSecond();
      if (bytesPerSecond >= least) continue;
      least = bytesPerSecond;
      slowest = share;
    }
    return slowest;
  }
}

interface ShareOptions {
  readonly bytesMax: number;
  readonly take: (bytes: number) => void;
  /** Shares whose body is being read. */
  readonly reading: Set<InFlightShare>;
  readonly monotonicMs: () => number;
}

/** What one request holds of the budget. */
export class InFlightShare {
  readonly #options: ShareOptions;
  #bytes = 0;
  #onGiveWay: ((error: TracerError) => void) | null = null;
  /** What came since, and in the window before that. */
  #windowMs = 0;
  #windowBytes = 0;
  #beforeMs = 0;
  #beforeBytes = 0;

  constructor(options: ShareOptions) {
    this.#options = options;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Of all shares together. */
  get bytesMax(): number {
    return this.#options.bytesMax;
  }

  /** Takes `bytes` more, or throws INGEST_BUSY and takes nothing. */
  grow(bytes: number): void {
    this.#options.take(bytes);
    this.#bytes += bytes;
  }

  /** Gives `bytes` back. */
  shrink(bytes: number): void {
    this.#options.take(-bytes);
    this.#bytes -= bytes;
  }

  /** From now on until `endReading` its body comes in; `onGiveWay` is told when it has to give way to others. */
  beginReading(onGiveWay: (error: TracerError) => void): void {
    this.#onGiveWay = onGiveWay;
    this.#windowMs = this.#options.monotonicMs();
    this.#beforeMs = this.#windowMs;
    this.#options.reading.add(this);
  }

  /** Notes bytes that came. */
  came(bytes: number): void {
    this.#roll();
    this.#windowBytes += bytes;
  }

  endReading(): void {
    this.#onGiveWay = null;
    this.#options.reading.delete(this);
  }

  /** What came of late; infinite for one that has not been read for SLOW_MS. */
  bytesPerSecond(): number {
    this.#roll();
    const elapsedMs = this.#options.monotonicMs() - this.#beforeMs;
    if (elapsedMs < SLOW_MS) return Number.POSITIVE_INFINITY;
    return ((this.#beforeBytes + this.#windowBytes) * 1e3) / elapsedMs;
  }

  giveWay(): void {
    const told = this.#onGiveWay;
    this.endReading();
    this.release();
    told?.(busy());
  }

  /** Also when it is asked: one that brought much and then stopped shows it by bringing nothing. */
  #roll(): void {
    const nowMs = this.#options.monotonicMs();
    if (nowMs - this.#windowMs < SLOW_MS) return;
    this.#beforeMs = this.#windowMs;
    this.#beforeBytes = this.#windowBytes;
    this.#windowMs = nowMs;
    this.#windowBytes = 0;
  }

  /** Gives everything back. Safe to call twice. */
  release(): void {
    this.#options.take(-this.#bytes);
    this.#bytes = 0;
  }
}

function busy(): TracerError {
  return new TracerError(
    "INGEST_BUSY",
    "Too many bytes are waiting to be counted. Nothing of this batch was taken; send it again.",
  );
}
