import type { SeriesColumns } from "./series-columns.ts";

/** No service is waited for longer than this. */
const DELAY_MS_MAX = 600_000;
const BLOCK_SAMPLES = 100;
/** A batch whose event time ran ahead of receipt time is history being loaded, not delivery. */
const HISTORY_RATE = 2;
const HISTORY_SLACK_MS = 20_000;

interface Delivery {
  readonly receiptMs: number;
  /** Newest event time of the batch, and the end of its oldest step. */
  readonly newestMs: number;
  readonly oldestStepEndMs: number;
}

/**
 * Learns how late records of a series arrive: the second largest delay of each hundred batches, so about
 * the 99th percentile, in three numbers. One straggler in a hundred batches does not hold up the clock.
 */
export function learnDelay(columns: SeriesColumns, slot: number, delivery: Delivery): void {
  if (!Number.isFinite(columns.receiptMs.at(slot))) return; // Nothing came before.
  const eventMs = delivery.newestMs - columns.newestMs.at(slot);
  const elapsedMs = delivery.receiptMs - columns.receiptMs.at(slot);
  if (eventMs > HISTORY_RATE * elapsedMs + HISTORY_SLACK_MS) return;
  const delayMs = Math.max(0, delivery.receiptMs - delivery.oldestStepEndMs);
  if (delayMs > DELAY_MS_MAX) return;
  if (delayMs > columns.delayTopMs.at(slot)) {
    columns.delaySecondMs.set(slot, columns.delayTopMs.at(slot));
    columns.delayTopMs.set(slot, delayMs);
  } else if (delayMs > columns.delaySecondMs.at(slot)) {
    columns.delaySecondMs.set(slot, delayMs);
  }
  const samples = columns.delaySamples.at(slot) + 1;
  columns.delaySamples.set(slot, samples % BLOCK_SAMPLES);
  if (samples < BLOCK_SAMPLES) return;
  columns.delayBeforeMs.set(slot, columns.delaySecondMs.at(slot));
  columns.delayTopMs.set(slot, 0);
  columns.delaySecondMs.set(slot, 0);
}

/**
 * How long to wait for a step of this series beyond the lateness. A series whose newest record was old
 * when it came (history in several bodies, a clock that is behind) is waited for at least that long.
 */
export function delayOf(columns: SeriesColumns, slot: number): number {
  const learnedMs = Math.max(columns.delaySecondMs.at(slot), columns.delayBeforeMs.at(slot));
  const behindMs = Math.max(0, columns.receiptMs.at(slot) - columns.newestMs.at(slot));
  return Math.max(learnedMs, behindMs);
}
