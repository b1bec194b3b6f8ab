import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { pipeline, Readable } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
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
  const whole = prefixed(head, source);
  const starts = (magic: Buffer) => head.subarray(0, magic.length).equals(magic);
  if (starts(GZIP)) yield* through(whole, createGunzip({ chunkSize: CHUNK_BYTES }));
  else if (starts(ZSTD)) yield* through(whole, createZstdDecompress({ chunkSize: CHUNK_BYTES }));
  else yield* whole;
}

async function* prefixed(head: Buffer, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  if (head.length > 0) yield head;
  yield* rest;
}

function through(
  source: AsyncGenerator<Buffer>,
  inflate: NodeJS.ReadWriteStream & AsyncIterable<Uint8Array | string>,
): AsyncIterable<Uint8Array> {
  pipeline(Readable.from(source), inflate, () => {}); // What fails is thrown where it is read.
  return bytesOf(inflate);
}

async function* bytesOf(stream: AsyncIterable<Uint8Array | string>): AsyncGenerator<Uint8Array> {
  for await (const chunk of stream) yield typeof chunk === "string" ? Buffer.from(chunk) : chunk;
}
