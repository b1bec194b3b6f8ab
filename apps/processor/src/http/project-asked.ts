import { TracerError } from "@tracer/core";
import { type Caller, DEFAULT_PROJECT } from "./caller.ts";

/**
 * The project that an administrator asks for, null for all of them (`*`). Those of the default project look after
 * every other. Throws KEY_FORBIDDEN for another's.
 */
export function projectAsked(caller: Caller, asked: string | undefined): string | null {
  if (asked === undefined || asked === caller.project) return caller.project;
  if (caller.project !== DEFAULT_PROJECT) {
    throw new TracerError("KEY_FORBIDDEN", "This key may look after its own project only.");
  }
  return asked === "*" ? null : asked;
}
