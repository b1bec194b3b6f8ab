import type { IncomingMessage } from "node:http";
import type { Transform } from "node:stream";
import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
} from "node:zlib";
import { TracerError } from "@tracer/core";
import type { InFlight, InFlightShare } from "./in-flight.ts";

/** Longest body on the wire, compressed or not. */
export const BODY_BYTES_MAX = 10 * 1024 * 1024;
/** Longest body after inflating. */
export const INFLATED_BYTES_MAX = 100 * 1024 * 1024;
/** A body may always inflate to this; beyond, to at most RATIO_MAX times its compressed size. */
const INFLATED_BYTES_FREE = 16 * 1024 * 1024;
const RATIO_MAX = 300;
const CHUNK_BYTES = 128 * 1024;
/** Encodings on top of each other; nobody needs more than one. */
const ENCODINGS_MAX = 2;
const ENCODINGS: ReadonlySet<string> = new Set(["gzip", "x-gzip", "deflate", "br", "zstd"]);
/** A body that brings less than this in STALL_MS is not waited for. */
export const STALL_BYTES_MIN = 8 * 1024;
export const STALL_MS = 10_000;
/** Compressed parts one after the other in one body, each at the cost of an inflater; a few is what there is. */
export const ZSTD_FRAMES_MAX = 1_000;
/** 8 MiB: more a sender of HTTP may not ask for (RFC 9659). */
const ZSTD_WINDOW_LOG_MAX = 23;
/** Taken of the budget before the first byte; the rest as bytes come, so that a slow sender holds little. */
const FIRST_BYTES_MAX = 64 * 1024;

/**
 * Reads a request's body and undoes its Content-Encoding; both in bounded memory, taken from `share` as it
 * grows. Throws BODY_TOO_LARGE, BODY_INFLATES_TOO_MUCH, BODY_CUT_OFF, BODY_TOO_SLOW, ENCODING_UNKNOWN,
 * ENCODING_INVALID or INGEST_BUSY.
 */
export async function readBody(request: IncomingMessage, share: InFlightShare): Promise<Buffer> {
  const encodings = encodingsOf(request.headers["content-encoding"]);
  let body = await readWire(request, share);
  for (const encoding of encodings.reverse()) {
    body = await inflate(body, encoding, share);
  }
  return body;
}

/**
 * Asks for a share of the budget before a byte is read. Throws BODY_TOO_LARGE, or INGEST_BUSY when what
 * the request announces would not fit now.
 */
export function admitBody(request: IncomingMessage, inFlight: InFlight): InFlightShare {
  const announced = announcedLength(request);
  if (inFlight.bytes + announced > inFlight.bytesMax) inFlight.admit(announced).release();
  return inFlight.admit(Math.min(announced, FIRST_BYTES_MAX));
}

/** The length a request announces, 0 when it does not. Throws BODY_TOO_LARGE. */
function announcedLength(request: IncomingMessage): number {
  const length = Number(request.headers["content-length"] ?? 0);
  if (length > BODY_BYTES_MAX) throw tooLarge();
  return Number.isSafeInteger(length) && length > 0 ? length : 0;
}

/** As it came. What is not read any more is drained, so that the answer can be heard. */
async function readWire(request: IncomingMessage, share: InFlightShare): Promise<Buffer> {
  const chunks: Buffer[] = [];
  try {
    await readChunks(request, share, chunks);
  } catch (error) {
    request.resume();
    throw error;
  }
  const [first] = chunks;
  if (first !== undefined && chunks.length === 1) return first;
  const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  share.grow(length); // While the parts and the whole are both there.
  try {
    return Buffer.concat(chunks, length);
  } finally {
    share.shrink(length);
  }
}

function readChunks(
  request: IncomingMessage,
  share: InFlightShare,
  chunks: Buffer[],
): Promise<void> {
  const first = Math.min(announcedLength(request), FIRST_BYTES_MAX);
  let length = 0;
  let lengthBefore = 0;
  return new Promise((resolve, reject) => {
    const end = (error: TracerError | null) => {
      clearInterval(stalling);
      share.endReading();
      request.off("data", onData).off("end", onEnd).off("error", onCut).off("close", onCut);
      request.on("error", () => {}); // A cut while it drains is nobody's business.
      if (error === null) resolve();
      else reject(error);
    };
    const onData = (chunk: Buffer) => {
      length += chunk.length;
      share.came(chunk.length);
      if (length > BODY_BYTES_MAX) return end(tooLarge());
      try {
        if (length > first) share.grow(Math.min(chunk.length, length - first));
      } catch (error) {
        return end(error instanceof TracerError ? error : cutOff(error));
      }
      chunks.push(chunk);
    };
    const onEnd = () => end(null);
    const onCut = (error?: unknown) => end(cutOff(error));
    const stalling = setInterval(() => {
      if (length - lengthBefore < STALL_BYTES_MIN) end(tooSlow());
      lengthBefore = length;
    }, STALL_MS);
    if (request.destroyed) return onCut();
    share.beginReading(end);
    request.on("data", onData).on("end", onEnd).on("error", onCut).on("close", onCut);
  });
}

function cutOff(cause: unknown): TracerError {
  return new TracerError("BODY_CUT_OFF", "The connection ended before the body did.", { cause });
}

function tooSlow(): TracerError {
  return new TracerError(
    "BODY_TOO_SLOW",
    `A body must bring at least ${STALL_BYTES_MIN} bytes each ${STALL_MS / 1e3} s.`,
  );
}

function encodingsOf(header: string | undefined): string[] {
  const encodings = (header ?? "")
    .toLowerCase()
    .split(",")
    .map((encoding) => encoding.trim())
    .filter((encoding) => encoding !== "" && encoding !== "identity");
  for (const encoding of encodings) {
    if (encodings.length > ENCODINGS_MAX || !ENCODINGS.has(encoding)) {
      throw new TracerError(
        "ENCODING_UNKNOWN",
        "Content-Encoding must be gzip, deflate, br, zstd or identity.",
      );
    }
  }
  return encodings;
}

type Inflater = Transform & { readonly bytesWritten: number };

function createInflater(encoding: string, raw = false): Inflater | null {
  switch (encoding) {
    case "gzip":
    case "x-gzip":
      return createGunzip({ chunkSize: CHUNK_BYTES });
    case "deflate":
      return raw
        ? createInflateRaw({ chunkSize: CHUNK_BYTES })
        : createInflate({ chunkSize: CHUNK_BYTES });
    case "br":
      return createBrotliDecompress({ chunkSize: CHUNK_BYTES });
    case "zstd":
      return createZstdDecompress({
        chunkSize: CHUNK_BYTES,
        params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG_MAX },
      });
    default:
      return null;
  }
}

/** Undoes one encoding, with the caps of a body. Throws as `readBody` does. */
export async function inflate(
  body: Buffer,
  encoding: string,
  share: InFlightShare,
): Promise<Buffer> {
  const bytesMax = Math.min(
    INFLATED_BYTES_MAX,
    Math.max(INFLATED_BYTES_FREE, body.length * RATIO_MAX),
    // What could never fit, its parts and the whole beside each other, must not be sent again and again.
    Math.floor((share.bytesMax - share.bytes) / 2),
  );
  const chunks: Buffer[] = [];
  let length = 0;
  const take = (chunk: Buffer) => {
    length += chunk.length;
    if (length > bytesMax) {
      throw new TracerError(
        "BODY_INFLATES_TOO_MUCH",
        `The body inflates to more than ${bytesMax} bytes; send smaller batches.`,
      );
    }
    share.grow(chunk.length);
    chunks.push(chunk);
  };
  let rest = body;
  let frames = 0;
  do {
    rest = await inflatePart(rest, encoding, take);
    frames += 1;
    if (frames > ZSTD_FRAMES_MAX) {
      throw new TracerError("ENCODING_INVALID", `The body has over ${ZSTD_FRAMES_MAX} frames.`);
    }
  } while (encoding === "zstd" && rest.length > 0); // Node's stream ends with the first frame.
  if (chunks.length === 1) return chunks[0] ?? Buffer.alloc(0);
  share.grow(length); // While the parts and the whole are both there.
  try {
    return Buffer.concat(chunks, length);
  } finally {
    share.shrink(length);
  }
}

/** Inflates up to where the stream ends by itself; what it left over. */
async function inflatePart(
  body: Buffer,
  encoding: string,
  take: (chunk: Buffer) => void,
): Promise<Buffer> {
  // Half of the clients that say "deflate" leave out the zlib header, which starts with 0x_8.
  const raw = encoding === "deflate" && ((body[0] ?? 0) & 0x0f) !== 8;
  const inflater = createInflater(encoding, raw);
  if (inflater === null) throw new TracerError("ENCODING_UNKNOWN", "Unknown Content-Encoding.");
  inflater.end(body);
  try {
    for await (const chunk of inflater) {
      if (Buffer.isBuffer(chunk)) take(chunk);
    }
  } catch (error) {
    if (error instanceof TracerError) throw error;
    throw inflateError(error, encoding);
  } finally {
    inflater.destroy();
  }
  return inflater.bytesWritten > 0 ? body.subarray(inflater.bytesWritten) : Buffer.alloc(0);
}

function inflateError(error: unknown, encoding: string): TracerError {
  const message = error instanceof Error ? error.message : "";
  if (/unexpected end/i.test(message)) {
    return new TracerError("BODY_CUT_OFF", `The ${encoding} body ends in the middle.`, {
      cause: error,
    });
  }
  return new TracerError("ENCODING_INVALID", `The body is not valid ${encoding}.`, {
    cause: error,
  });
}

function tooLarge(): TracerError {
  return new TracerError(
    "BODY_TOO_LARGE",
    `The body is larger than ${BODY_BYTES_MAX} bytes; send smaller batches, or compress them.`,
  );
}
