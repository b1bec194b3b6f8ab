import type { SeriesColumns } from "./series-columns.ts";

/**
 * How much more than chance the counts of a series vary. Real logs come in bursts and drift, so evidence
 * that takes them for pure chance overstates itself; it is divided by these.
 */

const BLOCK_STEPS = 30;
const BLOCK_STEPS_MAX = 360;
/** A block says nothing before this many records (or this much variance of errors) are expected in it. */
const BLOCK_EXPECTED_MIN = 2;
const BLOCK_VARIANCE_MIN = 0.5;
const BLOCK_RATIO_MAX = 40;
const ERROR_BLOCK_RATIO_MAX = 10;
const BLOCKS_MEMORY = 144;
const EXCESS_MEMORY_STEPS = 4_320;
/** κ before anything was measured, and how many steps that opinion is worth. */
const EXCESS_PRIOR = 0.05;
const EXCESS_PRIOR_STEPS = 180;
const OUTLIER_DEVIATIONS = 5;
const RATIO_PRIOR = 1.3;
const RATIO_PRIOR_BLOCKS = 4;
const ERROR_PRIOR_BLOCKS = 20;

/** φ of the volume: max(1 + κλ, the 5-minute block ratio), at least 1. */
export function volumeDispersionOf(columns: SeriesColumns, slot: number, expected: number): number {
  const weight = EXCESS_PRIOR_STEPS / (EXCESS_PRIOR_STEPS + columns.levelSteps.at(slot));
  const square = columns.volumeSquare.at(slot);
  const measured = square > 0 ? Math.max(0, columns.volumeExcess.at(slot) / square) : 0;
  const kappa = weight * EXCESS_PRIOR + (1 - weight) * measured;
  return Math.max(1 + kappa * expected, volumeRatioOf(columns, slot), 1);
}

function volumeRatioOf(columns: SeriesColumns, slot: number): number {
  const blocks = columns.volumeBlocks.at(slot);
  const weight = RATIO_PRIOR_BLOCKS / (RATIO_PRIOR_BLOCKS + blocks);
  return weight * RATIO_PRIOR + (1 - weight) * columns.volumeDispersion.at(slot);
}

/** Learns a step's volume against what was expected of it; `chance` is the deviation that is usual. */
export function learnVolumeDispersion(
  columns: SeriesColumns,
  slot: number,
  records: number,
  expected: number,
  chance: number,
): void {
  const bound = OUTLIER_DEVIATIONS * chance + 3;
  const deviation = Math.min(Math.abs(records - expected), bound);
  const alpha = Math.max(1 / EXCESS_MEMORY_STEPS, 1 / (columns.levelSteps.at(slot) + 1));
  const excess = columns.volumeExcess.at(slot);
  const square = columns.volumeSquare.at(slot);
  columns.volumeExcess.set(slot, excess + alpha * (deviation * deviation - expected - excess));
  columns.volumeSquare.set(slot, square + alpha * (expected * expected - square));
  columns.volumeBlockRecords.add(slot, records);
  columns.volumeBlockExpected.add(slot, expected);
  const steps = columns.volumeBlockSteps.at(slot) + 1;
  columns.volumeBlockSteps.set(slot, steps);
  const blockExpected = columns.volumeBlockExpected.at(slot);
  if (steps < BLOCK_STEPS) return;
  if (blockExpected < BLOCK_EXPECTED_MIN && steps < BLOCK_STEPS_MAX) return;
  if (blockExpected > 0) {
    const difference = columns.volumeBlockRecords.at(slot) - blockExpected;
    const ratio = Math.min((difference * difference) / blockExpected, BLOCK_RATIO_MAX);
    const blocks = columns.volumeBlocks.at(slot) + 1;
    columns.volumeBlocks.set(slot, blocks);
    const mean = columns.volumeDispersion.at(slot);
    const gain = Math.max(1 / blocks, 1 / BLOCKS_MEMORY);
    columns.volumeDispersion.set(slot, mean + gain * (ratio - mean));
  }
  resetVolumeBlock(columns, slot);
}

export function resetVolumeBlock(columns: SeriesColumns, slot: number): void {
  columns.volumeBlockRecords.set(slot, 0);
  columns.volumeBlockExpected.set(slot, 0);
  columns.volumeBlockSteps.set(slot, 0);
}

/**
 * φₑ of the share of errors, at least 1. Shrunk towards 1 and lowered by its own standard error: an hour
 * of plain chance measures up to 2, which would halve all evidence of a new service.
 */
export function errorDispersionOf(columns: SeriesColumns, slot: number): number {
  const blocks = columns.errorBlocks.at(slot);
  const known = blocks / (blocks + ERROR_PRIOR_BLOCKS);
  const doubt = Math.SQRT2 * (Math.sqrt(blocks) / (blocks + ERROR_PRIOR_BLOCKS));
  return Math.max(1, 1 - known + known * columns.errorDispersion.at(slot) - doubt);
}

/** Learns a step's errors against the share that was expected of its records. */
export function learnErrorDispersion(
  columns: SeriesColumns,
  slot: number,
  records: number,
  errors: number,
  share: number,
): void {
  columns.errorBlockExcess.add(slot, errors - records * share);
  columns.errorBlockVariance.add(slot, records * share * (1 - share));
  const steps = columns.errorBlockSteps.at(slot) + 1;
  columns.errorBlockSteps.set(slot, steps);
  const variance = columns.errorBlockVariance.at(slot);
  if (steps < BLOCK_STEPS) return;
  if (variance < BLOCK_VARIANCE_MIN && steps < BLOCK_STEPS_MAX) return;
  if (variance > 0) {
    const excess = columns.errorBlockExcess.at(slot);
    // One error where hardly any is expected is a ratio of hundreds and says little.
    const pearson = (excess * excess) / Math.max(variance, BLOCK_VARIANCE_MIN);
    const ratio = Math.min(pearson, ERROR_BLOCK_RATIO_MAX);
    const blocks = columns.errorBlocks.at(slot) + 1;
    columns.errorBlocks.set(slot, blocks);
    const mean = columns.errorDispersion.at(slot);
    const gain = Math.max(1 / blocks, 1 / BLOCKS_MEMORY);
    columns.errorDispersion.set(slot, mean + gain * (ratio - mean));
  }
  resetErrorBlock(columns, slot);
}

export function resetErrorBlock(columns: SeriesColumns, slot: number): void {
  columns.errorBlockExcess.set(slot, 0);
  columns.errorBlockVariance.set(slot, 0);
  columns.errorBlockSteps.set(slot, 0);
}
