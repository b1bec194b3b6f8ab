import type { Arrivals } from "./arrivals.ts";
import { skipBuckets } from "./buckets.ts";
import type { Column } from "./columns.ts";
import { resetVolumeBlock } from "./dispersion.ts";
import { decayErrors } from "./error-evidence.ts";
import { decayLatency } from "./latency-evidence.ts";
import { loadedSignal, SIGNAL_KEYS, SIGNAL_NUMBERS, savedSignal } from "./open-signal.ts";
import type { OpenSteps } from "./open-steps.ts";
import { Flag, type SeriesColumns } from "./series-columns.ts";
import type { SignalBook } from "./signal-book.ts";
import {
  invalidSnapshot,
  SnapshotReader,
  SnapshotWriter,
  soundNumber,
  wholeIn,
} from "./snapshot-bytes.ts";
import type { TickWheel } from "./tick-wheel.ts";
import { clearVolumeEvidence, decayVolume, restartVolume } from "./volume-evidence.ts";

/** Goes up when a column changes its meaning or a signal its numbers; older and newer ones are refused. */
export const SNAPSHOT_VERSION = 3;
/** A block holds this many series at the most, and fewer when they have many open steps: about 1 MB. */
export const BLOCK_SLOTS_MAX = 1_024;
const BLOCK_CELLS_MAX = 32_768;
const CELL_NUMBERS = 7;
const LAYOUT_BYTES_MAX = 65_536;
const COLUMN_WIDTH_MAX = 4_096;
const SLOTS_MAX = 2 ** 31 - 1;
/** Steps are kept in 32 bits. */
const STEPS_MAX = 2 ** 31 - 1;
const KNOWN_FLAGS = Object.values(Flag).reduce((all, flag) => all | flag, 0);
const OPEN_FLAGS = Flag.errorOpen | Flag.surgeOpen | Flag.dropOpen | Flag.latencyOpen;

/** A gap up to this long leaves everything as it was; what is missing from it is missing data. 5 minutes. */
export const GAP_STEPS_FRESH_MAX = 30;
/** After a longer one, of 6 hours, the volume is learned anew. */
const GAP_STEPS_KNOWN_MAX = 2_160;

/** What a snapshot is made of, beside the numbers of its head. */
export interface SnapshotParts {
  readonly columns: SeriesColumns;
  readonly openSteps: OpenSteps;
  readonly book: SignalBook;
  readonly arrivals: Arrivals;
  readonly wheel: TickWheel;
}

/** Numbers of the detector itself; they may be -Infinity before the first call. */
export interface SnapshotHead {
  readonly receiptMs: number;
  readonly tickedToStep: number;
  readonly pipelineDecidedMs: number | null;
}

/** A column as it lies in a block: ours, or null for one that we do not have any more. */
export interface SavedColumn {
  readonly column: Column | null;
  readonly bytes: number;
}

/** Everything that belongs to no series, and the names of the columns. */
export function saveHead(parts: SnapshotParts, head: SnapshotHead): Uint8Array {
  const { columns, arrivals, wheel } = parts;
  const layout = columns.all.map((column) => `${column.name} ${bytesPerSlot(column)}`).join("\n");
  const bytes = new TextEncoder().encode(layout);
  const writer = new SnapshotWriter();
  writer.floats([SNAPSHOT_VERSION, head.receiptMs, head.tickedToStep]);
  writer.floats([head.pipelineDecidedMs ?? Number.NaN, wheel.second ?? Number.NaN]);
  arrivals.save(writer);
  writer.floats([bytes.length]);
  writer.view(bytes);
  return writer.finish();
}

export function loadHead(
  parts: SnapshotParts,
  bytes: Uint8Array,
): { head: SnapshotHead; layout: SavedColumn[] } {
  const reader = new SnapshotReader(bytes);
  const [version, receiptMs, tickedToStep, pipelineDecidedMs, second] = reader.floats(5);
  if (version !== SNAPSHOT_VERSION) {
    throw invalidSnapshot(
      `its version is ${version}, and this Tracer reads version ${SNAPSHOT_VERSION}`,
    );
  }
  parts.arrivals.load(reader);
  const text = new Uint8Array(wholeIn(reader.floats(1)[0], 0, LAYOUT_BYTES_MAX));
  reader.into(text);
  reader.end();
  const head = {
    receiptMs: soundOrNever(receiptMs),
    tickedToStep: soundOrNever(tickedToStep),
    pipelineDecidedMs: Number.isNaN(pipelineDecidedMs) ? null : soundNumber(pipelineDecidedMs),
  };
  parts.wheel.resume(
    Number.isNaN(second) ? null : wholeIn(second, -STEPS_MAX * 10, STEPS_MAX * 10),
  );
  return { head, layout: layoutOf(parts.columns, new TextDecoder().decode(text)) };
}

/** All that is known of the slots from `from` on, as many as fit a block. */
export function saveSlots(
  parts: SnapshotParts,
  from: number,
): { bytes: Uint8Array; slotEnd: number } {
  const { columns, openSteps, book, wheel } = parts;
  const end = Math.min(columns.length, from + BLOCK_SLOTS_MAX);
  const cells: number[] = [];
  const signals: number[] = [];
  const waiting: number[] = [];
  let slot = from;
  for (; slot < end && cells.length < BLOCK_CELLS_MAX * CELL_NUMBERS; slot += 1) {
    openSteps.save(slot, cells);
    if (book.isOpen(slot)) signals.push(...book.openOn(slot).flatMap(savedSignal));
    waiting.push(wheel.dueOf(slot) ?? Number.NaN);
  }
  const writer = new SnapshotWriter();
  writer.floats([from, slot, cells.length / CELL_NUMBERS, signals.length / SIGNAL_NUMBERS]);
  for (const column of columns.all) {
    writer.view(column.values.subarray(from * column.width, slot * column.width));
  }
  writer.floats(waiting);
  writer.floats(cells);
  writer.floats(signals);
  return { bytes: writer.finish(), slotEnd: slot };
}

/** Bounds of what a snapshot may hold, beside those of its own arithmetic. */
export interface LoadLimits {
  readonly seriesMax: number;
  readonly cellsMax: number;
  /** The last step that can have begun. */
  readonly stepMax: number;
}

/** Takes over a block; blocks come in order. Throws SNAPSHOT_INVALID, and then all is to be thrown away. */
export function loadSlots(
  parts: SnapshotParts,
  layout: readonly SavedColumn[],
  bytes: Uint8Array,
  limits: LoadLimits,
): void {
  const { columns } = parts;
  const reader = new SnapshotReader(bytes);
  const [savedFrom, savedTo, savedCells, savedSignals] = reader.floats(4);
  const from = wholeIn(savedFrom, columns.length, columns.length);
  const to = wholeIn(savedTo, from + 1, Math.min(from + BLOCK_SLOTS_MAX, SLOTS_MAX));
  if (to > limits.seriesMax) throw invalidSnapshot("it holds more services than SERIES_MAX allows");
  columns.reserve(to - 1);
  for (const { column, bytes: each } of layout) {
    if (column === null) reader.skip(each * (to - from));
    else reader.into(column.values.subarray(from * column.width, to * column.width));
  }
  for (const column of columns.all) checkColumn(column, from, to);
  const waiting = reader.floats(to - from);
  for (let slot = from; slot < to; slot += 1) {
    checkSeries(columns, slot, limits.stepMax);
    columns.lower(slot, OPEN_FLAGS | Flag.scheduled);
    const due = waiting[slot - from];
    if (due === undefined || Number.isNaN(due)) continue;
    parts.wheel.add(slot, wholeIn(due, -STEPS_MAX * 10, STEPS_MAX * 10));
    columns.raise(slot, Flag.scheduled);
  }
  for (let left = wholeIn(savedCells, 0, limits.cellsMax); left > 0; left -= 1) {
    loadCell(parts, reader.floats(CELL_NUMBERS), from, limits.stepMax);
  }
  const signalsMax = SIGNAL_KEYS.length * (to - from);
  for (let left = wholeIn(savedSignals, 0, signalsMax); left > 0; left -= 1) {
    const open = loadedSignal(reader.floats(SIGNAL_NUMBERS));
    if (!isKnownIn(columns, open.slot, from)) throw invalidSnapshot("a signal is of no service");
    if (open.onsetStep > open.decidedStep || open.decidedStep > open.lastStep) {
      throw invalidSnapshot("a signal ends before it begins");
    }
    if (open.lastStep >= columns.nextStep.at(open.slot)) {
      throw invalidSnapshot("a signal is of a step that is not closed");
    }
    parts.book.reopen(open);
  }
  reader.end();
}

/**
 * What `gapSteps` in which nobody listened do to what is known of a series: the longer, the less it is
 * worth. Costs the same however long the gap was.
 */
export function decaySeries(parts: SnapshotParts, slot: number, gapSteps: number): void {
  const { columns, book } = parts;
  if (!columns.has(slot, Flag.known) || gapSteps <= GAP_STEPS_FRESH_MAX) return;
  book.forget(slot);
  decayErrors(columns, slot, gapSteps);
  decayLatency(columns, slot, gapSteps);
  clearVolumeEvidence(columns, slot);
  resetVolumeBlock(columns, slot);
  if (gapSteps <= GAP_STEPS_KNOWN_MAX) {
    decayVolume(columns, slot, gapSteps);
    return;
  }
  const next = columns.nextStep.at(slot) + gapSteps;
  parts.openSteps.release(slot); // Hours old and not whole: they would only be learned, and forgotten.
  restartVolume(columns, slot, next);
  skipBuckets(columns, slot, true);
  columns.nextStep.set(slot, next);
}

function bytesPerSlot(column: Column): number {
  return column.values.BYTES_PER_ELEMENT * column.width;
}

/** The columns of a snapshot; those that we have must be as we have them. */
function layoutOf(columns: SeriesColumns, text: string): SavedColumn[] {
  const ours = new Map(columns.all.map((column) => [column.name, column]));
  return text.split("\n").map((line) => {
    const [name = "", size] = line.split(" ");
    const column = ours.get(name) ?? null;
    ours.delete(name);
    const bytes = wholeIn(Number(size), 1, COLUMN_WIDTH_MAX);
    if (column !== null && bytes !== bytesPerSlot(column)) {
      throw invalidSnapshot(`its column ${name} is of another kind`);
    }
    return { column, bytes };
  });
}

function checkColumn(column: Column, from: number, to: number): void {
  const { values, width } = column;
  const signed = !("signed" in column) || column.signed;
  if (values instanceof Uint32Array || values instanceof Uint16Array) return;
  if (values instanceof Uint8Array) return;
  for (let index = from * width; index < to * width; index += 1) {
    const value = soundNumber(values[index]);
    if (!signed && value < 0) throw invalidSnapshot("a count is negative");
  }
}

function checkSeries(columns: SeriesColumns, slot: number, stepMax: number): void {
  const flags = columns.flags.at(slot);
  if ((flags & ~KNOWN_FLAGS) !== 0) throw invalidSnapshot("a service has marks of no meaning");
  if ((flags & Flag.known) === 0) return;
  wholeIn(columns.nextStep.at(slot), columns.firstStep.at(slot), stepMax);
}

function loadCell(
  { columns, openSteps }: SnapshotParts,
  cell: Float64Array,
  from: number,
  stepMax: number,
): void {
  const slot = wholeIn(cell[0], from, columns.length - 1);
  if (!isKnownIn(columns, slot, from)) throw invalidSnapshot("a step is of no service");
  const step = wholeIn(cell[1], columns.nextStep.at(slot), stepMax);
  const [records = 0, errors = 0, fatals = 0, latencyCount = 0, latencyLogSum = 0] = [
    ...cell.subarray(2),
  ].map(soundNumber);
  if (!openSteps.add(slot, step, { records, errors, fatals, latencyCount, latencyLogSum })) {
    throw invalidSnapshot("it holds more open steps than there is room for");
  }
}

function isKnownIn(columns: SeriesColumns, slot: number, from: number): boolean {
  return slot >= from && slot < columns.length && columns.has(slot, Flag.known);
}

function soundOrNever(value: number | undefined): number {
  return value === Number.NEGATIVE_INFINITY ? value : soundNumber(value);
}
