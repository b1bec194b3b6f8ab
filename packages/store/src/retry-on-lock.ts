import { TracerError } from "@tracer/core";
import { sqlStateOf } from "./executor.ts";

/** lock_not_available and deadlock_detected: nothing was done, and again may well help. */
const RETRY_STATES = ["55P03", "40P01"];
const TRIES_MAX = 2;

/** Runs an autocommit statement again when it gave up waiting for a lock (1 s each, see the pool). */
export async function retryOnLock<Result>(statement: () => Promise<Result>): Promise<Result> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await statement();
    } catch (cause) {
      if (!RETRY_STATES.includes(sqlStateOf(cause) ?? "")) throw cause;
      if (tries < TRIES_MAX) continue;
      throw new TracerError(
        "DATABASE_UNAVAILABLE",
        "Another session holds a row that is needed, and did not let go in time.",
        { cause },
      );
    }
  }
}
