import type { ErrorCode } from "@tracer/core";

/** What a command ends with. */
export const Exit = {
  ok: 0,
  failed: 1,
  usage: 2,
  conditionNotMet: 3,
  unavailable: 69,
  configuration: 78,
} as const;

export type Exit = (typeof Exit)[keyof typeof Exit];

/** The exit code that a failure we expect ends a command with. */
export function exitOf(code: ErrorCode): Exit {
  switch (code) {
    case "CONFIG_INVALID":
      return Exit.configuration;
    case "PORT_IN_USE":
    case "DATA_DIR_LOCKED":
    case "DATA_DIR_UNUSABLE":
    case "DATABASE_UNAVAILABLE":
    case "EMBEDDED_UNSUPPORTED":
      return Exit.unavailable;
    default:
      return Exit.failed;
  }
}
