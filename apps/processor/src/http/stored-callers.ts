import * as store from "@tracer/store";
import type { FoundCaller } from "./key-cache.ts";

export interface StoredCallersOptions {
  readonly pool: store.Pool;
  /** Keys from the environment, each with whom it stands for. */
  readonly staticKeys: readonly { readonly key: string; readonly caller: FoundCaller }[];
}

/** Looks keys and sessions up in the database, and notes, beside it, that a key is used. */
export function storedCallers(options: StoredCallersOptions) {
  const { pool, staticKeys } = options;
  return async (presented: string): Promise<FoundCaller | null> => {
    if (!presented.startsWith("trs_")) {
      const owner = await store.findKey(pool, presented);
      return owner === null ? null : callerOf(owner, pool);
    }
    const session = await store.findSession(pool, presented);
    if (session === null) return null;
    if ("owner" in session) return callerOf(session.owner, pool);
    const known = staticKeys.find(
      ({ key }) => store.sessionProof(presented, key) === session.keyProof,
    );
    return known === undefined ? null : { ...known.caller, validMs: session.validMs };
  };
}

function callerOf({ service, ...owner }: store.KeyOwner, pool: store.Pool): FoundCaller {
  // Nobody waits for it. That the database is away is said elsewhere; the next use notes it again.
  store.touchKeys(pool, [owner.id]).catch(() => {});
  return { ...owner, ...(service === null ? {} : { pinnedService: service }) };
}
