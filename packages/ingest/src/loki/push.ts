import type { DecodeFatal } from "../decoder.ts";

/** A push that is broken at a byte: nothing of it counts, since the answer can only be yes or no. */
export function brokenPush(format: "JSON" | "protobuf", offset: number): DecodeFatal {
  const message = `Broken ${format} at byte ${offset}: nothing of this push was taken.`;
  return { code: "BODY_NOT_LOGS", message, offset };
}
