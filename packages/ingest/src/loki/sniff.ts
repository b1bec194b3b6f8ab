import { snappyHead } from "./snappy.ts";

/**
 * Whether the body of a push is JSON, and not a Snappy block of protobuf. Its first bytes tell; where they could
 * be either (a block of 123 bytes begins with `{`), the content type does.
 */
export function isLokiJson(body: Uint8Array, contentType: string): boolean {
  const saysJson = contentType.toLowerCase().includes("json");
  const begins = beginsAsJson(body);
  return begins === beginsAsPush(body) ? saysJson : begins;
}

function beginsAsJson(body: Uint8Array): boolean {
  let at = body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? 3 : 0;
  while (at < body.length && WHITE_SPACE.includes(body[at] ?? 0)) at += 1;
  return body[at] === 0x7b;
}

/** A block whose first operation is a literal that begins with a stream, or an empty one. */
function beginsAsPush(body: Uint8Array): boolean {
  const head = snappyHead(body);
  if (head === null) return false;
  if (head.length === 0) return body.length === head.start;
  const tag = body[head.start] ?? 0;
  const code = tag >> 2;
  const literal = head.start + 1 + (code >= 60 ? code - 59 : 0);
  return (tag & 3) === 0 && body[literal] === STREAM_TAG;
}

const STREAM_TAG = 0x0a;
const WHITE_SPACE: readonly number[] = [0x20, 0x09, 0x0a, 0x0d];
