import { TracerError } from "@tracer/core";

/** Bytes of admitted requests, compressed and inflated, that have not been counted yet. */
export const IN_FLIGHT_BYTES_MAX = 256 * 1024 * 1024;

/** Seconds that a refused sender is asked to wait. */
export const RETRY_AFTER_SECONDS = 1;

/**
 * Back-pressure by bytes. A request asks before its body is read and while it grows; what does not fit
 * is refused whole with INGEST_BUSY, so that nothing of the batch was taken.
 */
export class InFlight {
  readonly bytesMax: number;
  #bytes = 0;
  #closed = false;

  constructor({ bytesMax = IN_FLIGHT_BYTES_MAX }: { bytesMax?: number } = {}) {
    this.bytesMax = bytesMax;
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
    const share = new InFlightShare((more) => this.#take(more));
    share.grow(bytes);
    return share;
  }

  #take(bytes: number): void {
    if (this.#bytes + bytes > this.bytesMax) {
      throw new TracerError(
        "INGEST_BUSY",
        "Too many bytes are waiting to be counted. Nothing of this batch was taken; send it again.",
      );
    }
    this.#bytes += bytes;
  }
}

/** What one request holds of the budget. */
export class InFlightShare {
  readonly #take: (bytes: number) => void;
  #bytes = 0;

  constructor(take: (bytes: number) => void) {
    this.#take = take;
  }

  /** Takes `bytes` more, or throws INGEST_BUSY and takes nothing. */
  grow(bytes: number): void {
    this.#take(bytes);
    this.#bytes += bytes;
  }

  /** Gives everything back. Safe to call twice. */
  release(): void {
    this.#take(-this.#bytes);
    this.#bytes = 0;
  }
}
