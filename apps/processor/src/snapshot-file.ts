import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { crashPoints, TracerError } from "@tracer/core";

/** One piece of a snapshot file. What is in it is its owner's business. */
export interface Frame {
  readonly kind: FrameKind;
  readonly bytes: Uint8Array;
}

/**
 * In this order: a head, then for each block of services their names and their state, then their templates,
 * then what waits for the database; the last two only if there are any.
 */
export type FrameKind = "head" | "names" | "slots" | "templates" | "pending";

/** A kind's number is its place: new ones come last. */
const KINDS: readonly (FrameKind | "end")[] = [
  ...["head" as const, "names" as const, "slots" as const, "end" as const],
  ...["pending" as const, "templates" as const],
];
/** Kind number of the frame that says that nothing was cut off. */
const END = KINDS.indexOf("end");

const MAGIC = Buffer.from("tracer snapshot\n");
const FILE_VERSION = 1;
/** Numbers are written as this machine holds them; read the wrong way round, this shows it. */
const BYTE_ORDER = 0x01020304;
const PREFIX_BYTES = MAGIC.length + 8;
/** Kind, length, number in the file, checksum. */
const HEADER_BYTES = 16;
export const FRAME_BYTES_MAX = 128 * 1024 * 1024;

/**
 * Writes a snapshot so that at every moment there is either the old one or the new one, whole: into a
 * file beside it, flushed to the disk, then renamed. A frame is made only when the one before is written,
 * so memory holds one and the event loop is free in between. Rejects when the disk says no.
 */
export async function writeSnapshot(path: string, frames: Iterable<Frame>): Promise<number> {
  const temporary = `${path}.tmp`;
  try {
    const file = await open(temporary, "w", 0o600);
    let bytes: number;
    try {
      bytes = await writeFrames(file, frames);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    crashPoints.pass("snapshot.written");
    return bytes;
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {}); // The disk may be full of it.
    throw error;
  }
}

async function writeFrames(file: FileHandle, frames: Iterable<Frame>): Promise<number> {
  const prefix = Buffer.concat([MAGIC, bytesOf([FILE_VERSION, BYTE_ORDER])]);
  await file.appendFile(prefix);
  let written = prefix.length;
  let number = 0;
  for (const { kind, bytes } of frames) {
    await file.appendFile(headerOf(KINDS.indexOf(kind), bytes, number));
    await file.appendFile(bytes);
    written += HEADER_BYTES + bytes.length;
    number += 1;
  }
  await file.appendFile(headerOf(END, new Uint8Array(0), number));
  return written + HEADER_BYTES;
}

/**
 * The frames of a snapshot file, each checked before it is handed on; the last only after the end of the
 * file was seen. Nothing at all when there is no file.
 *
 * @throws TracerError SNAPSHOT_INVALID, whatever is wrong with the file.
 */
export async function* readSnapshot(path: string): AsyncGenerator<Frame> {
  let file: FileHandle;
  try {
    file = await open(path, "r");
  } catch (cause) {
    if (isMissing(cause)) return;
    throw invalid(reasonOf(cause), cause);
  }
  try {
    yield* readFrames(file);
  } catch (cause) {
    throw cause instanceof TracerError ? cause : invalid(reasonOf(cause), cause);
  } finally {
    await file.close();
  }
}

async function* readFrames(file: FileHandle): AsyncGenerator<Frame> {
  const { size } = await file.stat();
  let at = 0;
  const take = async (length: number) => {
    if (length > size - at) throw invalid("it is cut off");
    const bytes = new Uint8Array(length);
    for (let got = 0; got < length; ) {
      const { bytesRead } = await file.read(bytes, got, length - got, at + got);
      if (bytesRead === 0) throw invalid("it is cut off");
      got += bytesRead;
    }
    at += length;
    return bytes;
  };
  checkPrefix(await take(PREFIX_BYTES));
  for (let number = 0; ; number += 1) {
    const header = await take(HEADER_BYTES);
    const [kind = 0, length = 0, numbered, checksum] = numbersOf(header);
    if (length > FRAME_BYTES_MAX) throw invalid("a part of it is too large");
    const bytes = await take(length);
    if (numbered !== number || checksum !== checksumOf(header, bytes)) {
      throw invalid("its checksum is wrong");
    }
    if (kind === END) break;
    const name = KINDS[kind];
    if (name === undefined || name === "end") throw invalid("a part of it is of no known kind");
    yield { kind: name, bytes };
  }
  if (at !== size) throw invalid("it goes on after its end");
}

/** Moves a file that cannot be used out of the way; one is kept, the newest. Null when it cannot be moved. */
export async function keepAside(path: string): Promise<string | null> {
  const aside = `${path}.bad`;
  try {
    await rm(aside, { recursive: true, force: true });
    await rename(path, aside);
    return aside;
  } catch {
    return null; // The next snapshot is written over it, or says why it cannot be.
  }
}

function checkPrefix(prefix: Uint8Array): void {
  if (!MAGIC.equals(prefix.subarray(0, MAGIC.length))) throw invalid("it is no snapshot of Tracer");
  const [version, byteOrder] = numbersOf(prefix.subarray(MAGIC.length));
  if (byteOrder !== BYTE_ORDER) throw invalid("it was written on another kind of machine");
  if (version !== FILE_VERSION) {
    throw invalid(`it is of version ${version}, and this Tracer reads version ${FILE_VERSION}`);
  }
}

function headerOf(kind: number, bytes: Uint8Array, number: number): Uint8Array {
  const header = bytesOf([kind, bytes.length, number, 0]);
  header.set(bytesOf([checksumOf(header, bytes)]), 12);
  return header;
}

/** Of the header, less the checksum itself, and what follows it. */
function checksumOf(header: Uint8Array, bytes: Uint8Array): number {
  return crc32(bytes, crc32(header.subarray(0, 12)));
}

function bytesOf(numbers: readonly number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(numbers).buffer);
}

function numbersOf(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(bytes.slice().buffer);
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function invalid(what: string, cause?: unknown): TracerError {
  return new TracerError("SNAPSHOT_INVALID", `The snapshot cannot be used: ${what}.`, { cause });
}
