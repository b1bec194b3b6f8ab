import { type Clock, formatDuration, formatNumber } from "@tracer/core";

/** Nothing is shown before this long: most runs are over by then. */
const QUIET_MS = 400;
const REDRAW_MS = 100;
/** Between two lines where nothing can be redrawn. */
const LINE_MS = 5_000;
const BAR_CELLS = 24;
const ETA_SHARE_MIN = 0.01;

export interface ProgressOptions {
  readonly out: { write: (text: string) => unknown; readonly isTTY?: boolean };
  readonly clock: Clock;
  /** Bytes in all, before inflating; null when that is not known. */
  readonly totalBytes: number | null;
}

/** Says on a terminal, or every few seconds elsewhere, how far a long reading is. */
export class Progress {
  readonly #options: ProgressOptions;
  readonly #startMs: number;
  #shownMs: number;
  #drawn = false;

  constructor(options: ProgressOptions) {
    this.#options = options;
    this.#startMs = options.clock.monotonicMs();
    const redraws = options.out.isTTY === true;
    this.#shownMs = this.#startMs + (redraws ? QUIET_MS - REDRAW_MS : 0);
  }

  update(readBytes: number, records: number): void {
    const { out, clock } = this.#options;
    const nowMs = clock.monotonicMs();
    const redraws = out.isTTY === true;
    if (nowMs - this.#shownMs < (redraws ? REDRAW_MS : LINE_MS)) return;
    this.#shownMs = nowMs;
    this.#drawn = true;
    const text = this.#text(readBytes, records, (nowMs - this.#startMs) / 1000);
    out.write(redraws ? `\r\u001b[K${text}` : `${text}\n`);
  }

  /** Takes the bar away. */
  end(): void {
    if (this.#drawn && this.#options.out.isTTY === true) this.#options.out.write("\r\u001b[K");
    this.#drawn = false;
  }

  #text(readBytes: number, records: number, seconds: number): string {
    const { totalBytes } = this.#options;
    const rate = `${formatNumber(records)} records, ${formatNumber(records / seconds)}/s`;
    const size = `${formatNumber(readBytes / 1e6)} MB`;
    if (totalBytes === null || totalBytes <= 0) return `Reading  ${size}  ${rate}`;
    const share = Math.min(1, readBytes / totalBytes);
    const filled = Math.round(share * BAR_CELLS);
    const bar = "█".repeat(filled).padEnd(BAR_CELLS, "░");
    const left = (seconds / share) * (1 - share);
    const eta = share >= ETA_SHARE_MIN ? `, ${formatDuration(left)} left` : "";
    return `Reading  ${bar} ${Math.floor(share * 100)} %  ${rate}${eta}`;
  }
}
