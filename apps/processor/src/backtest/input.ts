import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { pipeline, Readable } from "node:stream";
import { createGunzip, createZstdDecompress, type ZstdDecompress } from "node:zlib";
import { TracerError } from "@tracer/core";

const CHUNK_BYTES = 1024 * 1024;
const GZIP = Buffer.from([0x1f, 0x8b]);
const ZSTD = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);

export interface Input {
  /** As it was named; `stdin` for `-`. */
  readonly name: string;
  /** Bytes as they lie there, compressed or not; null when that cannot be known. */
  readonly sizeBytes: number | null;
}

/** Finds out what is there before anything is read. @throws TracerError INPUT_INVALID with the name. */
export async function findInput(path: string): Promise<Input> {
  if (path === "-") return { name: "stdin", sizeBytes: null };
  try {
    const found = await stat(path);
    if (found.isDirectory()) throw new TracerError("INPUT_INVALID", "it is a folder, not a file");
    return { name: path, sizeBytes: found.isFile() ? found.size : null };
  } catch (error) {
    throw inputError(path, error);
  }
}

/** The bytes of an input, inflated by what they begin with. `onBytes` hears of those read, before inflating. */
export async function* readInput(
  { name }: Input,
  stdin: AsyncIterable<unknown>,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  try {
    const source =
      name === "stdin" ? stdin : createReadStream(name, { highWaterMark: CHUNK_BYTES });
    yield* inflated(counted(source, onBytes));
  } catch (error) {
    throw inputError(name, error);
  }
}

/** An expected failure that names the input. */
export function inputError(name: string, error: unknown): TracerError {
  const code = error instanceof TracerError ? error.code : "INPUT_INVALID";
  return new TracerError(code, `${name}: ${reasonOf(error)}`, { cause: error });
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error ? String(error.code) : "";
  switch (code) {
    case "ENOENT":
      return "there is no such file";
    case "EACCES":
    case "EPERM":
      return "it may not be read";
    case "Z_BUF_ERROR":
      return "the compressed data is cut off";
    default:
      return /^(?:Z_|ZSTD_)/u.test(code)
        ? `the compressed data is damaged (${error.message})`
        : error.message;
  }
}

async function* counted(
  source: AsyncIterable<unknown>,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  for await (const chunk of source) {
    const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
    onBytes(bytes.length);
    yield bytes;
  }
}

async function* inflated(source: AsyncGenerator<Buffer>): AsyncGenerator<Uint8Array> {
  let head: Buffer = Buffer.alloc(0);
  while (head.length < ZSTD.length) {
    const { value, done } = await source.next();
    if (done === true) break;
    head = head.length === 0 ? value : Buffer.concat([head, value]);
  }
  const starts = (magic: Buffer) => head.subarray(0, magic.length).equals(magic);
  if (starts(GZIP)) yield* gunzipped(prefixed(head, source));
  else if (starts(ZSTD)) yield* unzstd(head, source);
  else yield* prefixed(head, source);
}

async function* prefixed(head: Buffer, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  if (head.length > 0) yield head;
  yield* rest;
}

/** A file may hold several members. */
async function* gunzipped(source: AsyncGenerator<Buffer>): AsyncGenerator<Uint8Array> {
  const inflate = createGunzip({ chunkSize: CHUNK_BYTES });
  pipeline(Readable.from(source), inflate, () => {}); // What fails is thrown where it is read.
  yield* inflate;
}

/** A file may hold several frames, and Node's stream ends with the first of them: each gets its own. */
async function* unzstd(head: Buffer, source: AsyncGenerator<Buffer>): AsyncGenerator<Uint8Array> {
  let rest = head;
  while (rest.length > 0) {
    const inflate = createZstdDecompress({ chunkSize: CHUNK_BYTES });
    const fed = feed(inflate, rest, source);
    fed.catch((error: Error) => inflate.destroy(error)); // Thrown where it is read.
    yield* inflate;
    rest = await fed;
  }
}

/** Feeds one frame. What it left over of the chunk in which it ended; empty when the source has ended. */
async function feed(
  inflate: ZstdDecompress,
  first: Buffer,
  source: AsyncGenerator<Buffer>,
): Promise<Buffer> {
  let chunk = first;
  for (let sent = chunk.length; ; sent += chunk.length) {
    await taken(inflate, chunk);
    const left = sent - inflate.bytesWritten;
    if (left > 0 || inflate.destroyed) return chunk.subarray(chunk.length - left);
    const { value, done } = await source.next();
    if (done === true) {
      inflate.end();
      return Buffer.alloc(0);
    }
    chunk = value;
  }
}

/** Resolves when a chunk was worked off, or never will be. */
function taken(inflate: ZstdDecompress, chunk: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      for (const event of ["end", "close"] as const) inflate.removeListener(event, done);
      resolve();
    };
    for (const event of ["end", "close"] as const) inflate.once(event, done);
    inflate.write(chunk, done);
  });
}
