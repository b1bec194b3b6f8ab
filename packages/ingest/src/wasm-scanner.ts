import type { RecordBatch } from "./batch.ts";
import type { SeriesDirectory } from "./directory.ts";
import {
  CONTEXT_HIGH,
  CONTEXT_LOW,
  DURATION_ALIAS,
  FieldMask,
  KEY_WORDS,
  NESTED_LOW,
  SEVERITY_NUMBER_ALIAS,
  STATUS_ALIAS,
} from "./fields.ts";
import { LEVEL_WORDS } from "./level.ts";
import { latencyMsOf, levelOfMessageAt } from "./record.ts";
import { FUTURE_MS_MAX, type RecordSink } from "./sink.ts";
import { SCANNER_BASE64 } from "./wasm-binary.ts";

/** What the scanner exports: places in its memory, sizes, and three functions. */
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly prepare: () => number;
  readonly scan: () => void;
  readonly [place: string]: unknown;
}

/** What is used of it; the types of Node leave it out. */
declare const WebAssembly:
  | undefined
  | {
      readonly Module: new (bytes: Uint8Array) => object;
      readonly Instance: new (module: object) => { readonly exports: Exports };
    };

/** A record that begins this near to the end of a chunk may be cut by it: it is left for the next chunk. */
const OVERLAP_BYTES = 8_192;

/** Where a scan is to go: over the body from `at`, records that begin before `stop`. */
export interface ScanRange {
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly stop: number;
  /** Inside an array, or at the top. */
  readonly elements: boolean;
}

/**
 * Scans the usual records of a body by a module of WebAssembly with SIMD: copies a chunk of it into the module's
 * memory, lets it fill columns, and finishes the rows that it asks about. It declines whatever is not usual, and
 * the walker takes that record. One scanner serves one directory, whatever number of bodies take turns.
 */
export class WasmScanner {
  readonly directory: SeriesDirectory;
  /** Where the last scan ended: at a record that the walker must take (`declined`), or where to go on. */
  position = 0;
  declined = false;
  /** A line feed, or the end of the body, followed one of the records. */
  sawLine = false;
  readonly #scan: () => void;
  readonly #memory: Uint8Array;
  readonly #chunk: Uint8Array;
  readonly #chunkBytes: number;
  readonly #rowsMax: number;
  readonly #control: Int32Array;
  readonly #instants: Float64Array;
  readonly #asks: Int32Array;
  readonly #askFields: number;
  readonly #names: Int32Array;
  readonly #columns: Columns;
  readonly #defaults: Uint8Array;
  /** Whose bytes the chunk holds, and which. */
  #loadedOf: RecordSink | null = null;
  #loadedFrom = 0;
  #loadedTo = 0;
  #service = "";
  #environment = "";
  #serviceBytes: Uint8Array = new Uint8Array(0);
  #environmentBytes: Uint8Array = new Uint8Array(0);

  constructor(directory: SeriesDirectory, exports: Exports) {
    this.directory = directory;
    const place = (name: string) => placeOf(exports, name);
    const { buffer } = exports.memory;
    const rowsMax = place("ROWS_MAX");
    this.#scan = exports.scan;
    this.#memory = new Uint8Array(buffer);
    this.#rowsMax = rowsMax;
    this.#chunkBytes = place("CHUNK_BYTES");
    this.#chunk = new Uint8Array(buffer, place("chunk"), this.#chunkBytes);
    this.#control = new Int32Array(buffer, place("control"), 64);
    this.#instants = new Float64Array(buffer, place("control"), 32);
    this.#askFields = place("ASK_FIELDS");
    this.#asks = new Int32Array(buffer, place("asks"), rowsMax * this.#askFields);
    this.#names = new Int32Array(buffer, place("names"), place("NAMES_MAX") * 16);
    this.#defaults = new Uint8Array(buffer, place("defaults"), 256);
    this.#columns = {
      timestampMs: new Float64Array(buffer, place("timestampMs"), rowsMax),
      latencyMs: new Float64Array(buffer, place("latencyMs"), rowsMax),
      slot: new Int32Array(buffer, place("slot"), rowsMax),
      recordStart: new Uint32Array(buffer, place("recordStart"), rowsMax),
      recordEnd: new Uint32Array(buffer, place("recordEnd"), rowsMax),
      messageStart: new Uint32Array(buffer, place("messageStart"), rowsMax),
      messageEnd: new Uint32Array(buffer, place("messageEnd"), rowsMax),
      level: new Uint8Array(buffer, place("level"), rowsMax),
      flags: new Uint8Array(buffer, place("flags"), rowsMax),
    };
    this.#writeTables(place("wordHeads"), place("words"), exports.prepare);
  }

  /** Scans into the sink. True when it has got anywhere. */
  scan({ bytes, at, stop, elements }: ScanRange, sink: RecordSink): boolean {
    const { context } = sink;
    this.#load(bytes, at, sink);
    const start = this.#loadedFrom;
    const end = this.#loadedTo;
    const isFinal = end === bytes.length;
    const batch = sink.row();
    const control = this.#control;
    control[0] = end - start;
    control[1] = at - start;
    control[2] = Math.min(stop, isFinal ? stop : end - OVERLAP_BYTES) - start;
    control[3] = (elements ? 1 : 0) | (isFinal ? 2 : 0);
    control[4] = start;
    control[5] = Math.min(this.#rowsMax, batch.rowsMax - batch.length);
    this.#instants[3] = context.receiptMs;
    this.#instants[4] = context.receiptMs + FUTURE_MS_MAX;
    control[10] = context.projectId;
    control[11] = this.directory.generation;
    this.#setDefaults(context.defaultService, context.defaultEnvironment ?? "");
    control[41] = NESTED_LOW;
    this.#scan();
    const rows = control[18] ?? 0;
    this.position = start + (control[16] ?? 0);
    this.declined = control[17] !== 0;
    this.sawLine = control[21] !== 0;
    if (rows === 0) return this.position > at;
    copyRows(this.#columns, batch, rows);
    this.#answer(bytes, batch, context.projectId, control[19] ?? 0);
    sink.commitRows(rows, control[20] ?? 0);
    return true;
  }

  /** Copies the chunk from `at`, unless that is there. One sink's body does not change. */
  #load(bytes: Uint8Array, at: number, sink: RecordSink): void {
    const covered = this.#loadedTo === bytes.length || at < this.#loadedTo - OVERLAP_BYTES;
    if (this.#loadedOf === sink && at >= this.#loadedFrom && covered) return;
    this.#loadedOf = sink;
    this.#loadedFrom = at;
    this.#loadedTo = Math.min(bytes.length, at + this.#chunkBytes);
    this.#chunk.set(bytes.subarray(at, this.#loadedTo));
  }

  /** Finishes the rows that the module asks about. */
  #answer(bytes: Uint8Array, batch: RecordBatch, projectId: number, count: number): void {
    const asks = this.#asks;
    for (let ask = 0; ask < count; ask += 1) {
      const at = ask * this.#askFields;
      const row = batch.length + (asks[at] ?? 0);
      const wanted = asks[at + 1] ?? 0;
      if ((wanted & ASK_LEVEL) !== 0) {
        batch.level[row] = levelOfMessageAt(
          bytes,
          batch.messageStart[row] ?? 0,
          batch.messageEnd[row] ?? 0,
          ((batch.flags[row] ?? 0) & 1) !== 0,
        );
      }
      if ((wanted & ASK_LATENCY) !== 0) {
        batch.latencyMs[row] = latencyMsOf(
          asks[at + 2] ?? 0,
          bytes,
          asks[at + 3] ?? 0,
          asks[at + 4] ?? 0,
        );
      }
      if ((wanted & ASK_SLOT) !== 0) batch.slot[row] = this.#slot(bytes, projectId, at);
    }
  }

  #slot(bytes: Uint8Array, projectId: number, at: number): number {
    const asks = this.#asks;
    const names = this.#names;
    const entry = (asks[at + 5] ?? 0) * 16;
    const own = entry >= 0 && names[entry + 3] === asks[at + 10];
    const known = own ? (names[entry] ?? -1) : -1;
    if (known >= 0) return known;
    const hasService = (asks[at + 7] ?? 0) >= 0;
    const hasEnvironment = (asks[at + 9] ?? 0) >= 0;
    const slot = this.directory.internBytes(
      projectId,
      hasEnvironment ? bytes : this.#environmentBytes,
      hasEnvironment ? (asks[at + 8] ?? 0) : 0,
      hasEnvironment ? (asks[at + 9] ?? 0) : this.#environmentBytes.length,
      hasService ? bytes : this.#serviceBytes,
      hasService ? (asks[at + 6] ?? 0) : 0,
      hasService ? (asks[at + 7] ?? 0) : this.#serviceBytes.length,
    );
    // What found no room is asked for each time, so that it is counted.
    if (own && !this.directory.isOther(slot)) names[entry] = slot;
    return slot;
  }

  #setDefaults(service: string, environment: string): void {
    const control = this.#control;
    if (service !== this.#service) {
      this.#service = service;
      this.#serviceBytes = Buffer.from(service);
      this.#defaults.set(this.#serviceBytes.subarray(0, 128), 0);
    }
    if (environment !== this.#environment) {
      this.#environment = environment;
      this.#environmentBytes = Buffer.from(environment);
      this.#defaults.set(this.#environmentBytes.subarray(0, 128), 128);
    }
    control[12] = this.#serviceBytes.length;
    control[13] = this.#environmentBytes.length;
  }

  #writeTables(heads: number, words: number, prepare: () => number): void {
    const { buffer } = this.#memory;
    const masks = [FieldMask.time, FieldMask.level, FieldMask.service, FieldMask.message];
    const control = this.#control;
    for (const [at, mask] of [...masks, FieldMask.latency, FieldMask.environment].entries()) {
      control[32 + at] = mask;
    }
    control[38] = SEVERITY_NUMBER_ALIAS;
    control[39] = STATUS_ALIAS;
    control[40] = DURATION_ALIAS;
    const groups = [
      ...KEY_WORDS.map((keys, context) => [context, 0, keys] as const),
      [LEVEL_GROUP, 0x20, LEVEL_WORDS] as const,
    ];
    const buckets = new Uint16Array(buffer, heads, 512);
    const view = new DataView(buffer, words);
    let entry = 0;
    for (const [group, fold, list] of groups) {
      for (const [word, value] of list) {
        const letters = Buffer.from(word, "latin1").map((letter) => letter | fold);
        const at = entry * 32;
        this.#memory.set(letters, words + at);
        const first = letters[0] ?? 0;
        const last = letters[letters.length - 1] ?? 0;
        const bucket = (letters.length * 3 + first * 7 + last * 29 + group * 37) & 511;
        view.setUint8(at + 24, letters.length);
        view.setUint8(at + 25, group);
        view.setInt16(at + 26, value, true);
        view.setUint16(at + 28, buckets[bucket] ?? 0, true);
        entry += 1;
        buckets[bucket] = entry;
      }
    }
    const contexts = prepare();
    new Int32Array(buffer, contexts, 64).set(CONTEXT_LOW);
    new Int32Array(buffer, contexts + 256, 64).set(CONTEXT_HIGH);
  }
}

/** A scanner for the bodies whose names are interned in `directory`; null where WebAssembly or its SIMD is missing. */
export function createWasmScanner(directory: SeriesDirectory): WasmScanner | null {
  if (typeof WebAssembly === "undefined") return null;
  try {
    const module = new WebAssembly.Module(Buffer.from(SCANNER_BASE64.join(""), "base64"));
    return new WasmScanner(directory, new WebAssembly.Instance(module).exports);
  } catch {
    return null;
  }
}

type Columns = Pick<
  RecordBatch,
  | "timestampMs"
  | "latencyMs"
  | "slot"
  | "recordStart"
  | "recordEnd"
  | "messageStart"
  | "messageEnd"
  | "level"
  | "flags"
>;

const ASK_LEVEL = 2;
const ASK_LATENCY = 4;
const ASK_SLOT = 8;
const LEVEL_GROUP = 62;
/** Fewer rows than this are copied one by one. */
const SET_ROWS_MIN = 16;

function copyRows(from: Columns, to: RecordBatch, rows: number): void {
  const at = to.length;
  if (rows < SET_ROWS_MIN) {
    for (let row = 0; row < rows; row += 1) {
      to.timestampMs[at + row] = from.timestampMs[row] ?? 0;
      to.latencyMs[at + row] = from.latencyMs[row] ?? 0;
      to.slot[at + row] = from.slot[row] ?? 0;
      to.recordStart[at + row] = from.recordStart[row] ?? 0;
      to.recordEnd[at + row] = from.recordEnd[row] ?? 0;
      to.messageStart[at + row] = from.messageStart[row] ?? 0;
      to.messageEnd[at + row] = from.messageEnd[row] ?? 0;
      to.level[at + row] = from.level[row] ?? 0;
      to.flags[at + row] = from.flags[row] ?? 0;
      to.count[at + row] = 1;
    }
    return;
  }
  to.timestampMs.set(from.timestampMs.subarray(0, rows), at);
  to.latencyMs.set(from.latencyMs.subarray(0, rows), at);
  to.slot.set(from.slot.subarray(0, rows), at);
  to.recordStart.set(from.recordStart.subarray(0, rows), at);
  to.recordEnd.set(from.recordEnd.subarray(0, rows), at);
  to.messageStart.set(from.messageStart.subarray(0, rows), at);
  to.messageEnd.set(from.messageEnd.subarray(0, rows), at);
  to.level.set(from.level.subarray(0, rows), at);
  to.flags.set(from.flags.subarray(0, rows), at);
  to.count.fill(1, at, at + rows);
}

/** An exported number: a global of the module. */
function placeOf(exports: Exports, name: string): number {
  const place: unknown = exports[name];
  if (typeof place !== "object" || place === null || !("value" in place)) return Number.NaN;
  return Number(place.value);
}
