import { TracerError } from "@tracer/core";
import { csvShapeOf } from "./metric-csv.ts";

/** Bytes that are gathered before they are cut into whole records. The same for every source, so that the same bytes give the same blocks. */
const BLOCK_BYTES = 1024 * 1024;
/** What must be in memory at once: a whole JSON array, or one line. Larger ones are refused, or skipped. */
export const BLOCK_BYTES_MAX = 256 * 1024 * 1024;

const NEW_LINE = 0x0a;
const BRACE = 0x7b;
const BRACKET = 0x5b;
const ARRAY_OF_OBJECTS = /^\[\s*(?:[{\]]|$)/u;
const ARRAY_HEAD_BYTES = 256;
/** Bytes looked at to tell what an input is. */
export const HEAD_BYTES = 65_536;

/**
 * How an input may be cut. `lines`: at any line end. `objects`: before a line that begins with a brace.
 * `whole`: not at all. `metric_csv`: at any line end, and they are no logs.
 */
export type Layout = "lines" | "objects" | "whole" | "metric_csv";

export interface RecordBlocksOptions {
  /** Takes whole records; the bytes are valid only during the call. */
  readonly onBlock: (bytes: Uint8Array) => void;
  readonly blockBytes?: number;
  readonly blockBytesMax?: number;
}

/** Gathers chunks of one input and cuts them into blocks of whole records; memory stays flat. */
export class RecordBlocks {
  /** Lines that were longer than the limit, and skipped. */
  overlong = 0;
  layout: Layout | null = null;
  readonly #onBlock: (bytes: Uint8Array) => void;
  readonly #bytesMax: number;
  #buffer: Buffer;
  #length = 0;
  #skipping = false;

  constructor({
    onBlock,
    blockBytes = BLOCK_BYTES,
    blockBytesMax = BLOCK_BYTES_MAX,
  }: RecordBlocksOptions) {
    this.#onBlock = onBlock;
    this.#bytesMax = blockBytesMax;
    this.#buffer = Buffer.allocUnsafe(blockBytes);
  }

  /** @throws TracerError BODY_TOO_LARGE: an array, or an object over many lines, beyond the limit. */
  add(chunk: Uint8Array): void {
    let from = 0;
    while (from < chunk.length) {
      const to = Math.min(chunk.length, from + this.#buffer.length - this.#length);
      this.#buffer.set(chunk.subarray(from, to), this.#length);
      this.#length += to - from;
      from = to;
      if (this.#length === this.#buffer.length) this.#cut();
    }
  }

  /** The input is complete: what is left is whole. */
  end(): void {
    let rest = this.#buffer.subarray(0, this.#length);
    this.layout ??= layoutOf(rest);
    this.#length = 0;
    if (this.#skipping) {
      const end = rest.indexOf(NEW_LINE) + 1;
      rest = end === 0 ? rest.subarray(0, 0) : rest.subarray(end);
    }
    this.#hand(rest);
  }

  #cut(): void {
    const held = this.#buffer.subarray(0, this.#length);
    this.layout ??= layoutOf(held);
    if (this.#skipping) return this.#skip(held);
    const end = cutOf(this.layout, held);
    if (end === 0) return this.#grow();
    this.#hand(held.subarray(0, end));
    this.#keepFrom(end);
  }

  #hand(block: Buffer): void {
    let rest = block;
    // A line of text that begins with a bracket would read as an array which swallows what follows.
    const mayHoldText = this.layout === "lines" || this.layout === "objects";
    while (mayHoldText && firstByteOf(rest) === BRACKET) {
      const from = firstIndexOf(rest);
      const end = rest.indexOf(NEW_LINE, from) + 1 || rest.length;
      const isArray = ARRAY_OF_OBJECTS.test(rest.toString("latin1", from, from + ARRAY_HEAD_BYTES));
      // Without its bracket the text is one broken record, not an array of several.
      this.#onBlock(rest.subarray(isArray ? from : from + 1, end));
      rest = rest.subarray(end);
    }
    if (rest.length > 0) this.#onBlock(rest);
  }

  #keepFrom(end: number): void {
    this.#buffer.copyWithin(0, end, this.#length);
    this.#length -= end;
  }

  #grow(): void {
    if (this.#buffer.length < this.#bytesMax) {
      const larger = Buffer.allocUnsafe(Math.min(this.#bytesMax, this.#buffer.length * 2));
      larger.set(this.#buffer);
      this.#buffer = larger;
      return;
    }
    if (this.layout === "lines" || this.layout === "metric_csv") {
      this.overlong += 1;
      this.#skipping = true;
      this.#length = 0;
      return;
    }
    throw new TracerError(
      "BODY_TOO_LARGE",
      `holds one JSON value of more than ${Math.round(this.#bytesMax / 1024 / 1024)} MiB, and that must fit in memory. ` +
        "One record a line has no such limit: jq -c '.[]' FILE",
    );
  }

  /** Goes to the end of the line that was too long. */
  #skip(held: Buffer): void {
    const end = held.indexOf(NEW_LINE) + 1;
    if (end === 0) {
      this.#length = 0;
      return;
    }
    this.#skipping = false;
    this.#keepFrom(end);
  }
}

function cutOf(layout: Layout, held: Buffer): number {
  if (layout === "whole") return 0;
  if (layout === "lines" || layout === "metric_csv") return held.lastIndexOf(NEW_LINE) + 1;
  return held.lastIndexOf("\n{") + 1;
}

/** Tells from its beginning how an input may be cut. */
export function layoutOf(bytes: Buffer): Layout {
  const head = bytes
    .toString("latin1", 0, HEAD_BYTES)
    .replace(/^\xef\xbb\xbf/u, "")
    .trimStart();
  const [line = "", second] = head.split("\n", 2);
  const first = line.trim();
  if (csvShapeOf(head) !== null) return "metric_csv";
  if (ARRAY_OF_OBJECTS.test(head)) return "whole";
  if (!head.startsWith("{") || second === undefined || isJson(first)) return "lines";
  // The object goes on over the next lines. A wrapper's own objects must not be torn from it.
  if (/^\{\s*"logs"\s*:\s*\[/u.test(head)) return "whole";
  return second.trim() === "" || second.startsWith("{") ? "lines" : "objects";
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function firstIndexOf(bytes: Buffer): number {
  let at = 0;
  while (at < bytes.length && (bytes[at] ?? 0) <= 0x20) at += 1;
  return at;
}

function firstByteOf(bytes: Buffer): number {
  return bytes[firstIndexOf(bytes)] ?? BRACE;
}
