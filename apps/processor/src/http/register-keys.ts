import * as store from "@tracer/store";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { startLoop } from "../loop.ts";
import { auditRoutes, recordActs } from "./audit.ts";
import { type Caller, DEFAULT_PROJECT, EVERYONE } from "./caller.ts";
import { clientAddress } from "./client-address.ts";
import { KeyCache } from "./key-cache.ts";
import { keyRoutes } from "./keys.ts";
import { loginRoutes } from "./login.ts";
import type { HttpOptions } from "./start.ts";
import { storedCallers } from "./stored-callers.ts";

/** How often a Tracer without keys looks whether another process has made one. */
const LOOK_MS = 10_000;

/** Who may come in: keys of the environment and of the database, and sessions that were begun with them. */
export interface Keys extends AsyncDisposable {
  readonly cache: KeyCache;
  /** Whether any key exists. From the first one on everybody needs one. */
  readonly exist: () => boolean;
  readonly register: (app: FastifyInstance) => Promise<void>;
}

export function createKeys(options: HttpOptions): Keys {
  const { config, pool, observe } = options;
  const staticKeys = staticKeysOf(options);
  let exist = staticKeys.length > 0 || options.keysStored;
  const cache = new KeyCache({
    ingestKey: config.ingestKey,
    adminKey: config.adminKey,
    find: storedCallers({ pool, staticKeys }),
    monotonicMs: options.clock.monotonicMs,
  });
  const look = startLoop(
    { name: "keys", idleMs: LOOK_MS, isDisposable: true, observe },
    async () => {
      if (!exist) exist = await store.hasKeys(pool);
    },
  );
  const register = async (app: FastifyInstance) => {
    recordActs(app, { record: (entry) => store.recordAct(pool, entry), observe });
    await app.register(auditRoutes, { list: (asked) => store.listActs(pool, asked) });
    await app.register(keyRoutes, {
      keysExist: () => exist,
      create: async (wanted) => {
        const made = await store.createKey(pool, wanted);
        exist = true;
        cache.forget();
        return made;
      },
      list: (asked) => store.listKeys(pool, asked),
      revoke: async (which) => {
        const keepAdmin = config.adminKey === null;
        const revoked = await store.revokeKey(pool, { ...which, keepAdmin });
        cache.forget();
        return revoked;
      },
    });
    await app.register(loginRoutes, {
      ...{
        findKey: cache.find,
        keysExist: () => exist,
        publicHost: publicHostOf(config.publicUrl),
      },
      addressOf: (request: FastifyRequest) => clientAddress(request.raw, config.trustedProxies),
      begin: (key) => store.beginSession(pool, key),
      end: async (token) => {
        await store.endSession(pool, token);
        cache.forget();
      },
      isSecure: config.publicUrl?.startsWith("https:") === true,
    });
  };
  return {
    cache,
    exist: () => exist,
    register,
    [Symbol.asyncDispose]: async () => look[Symbol.asyncDispose](),
  };
}

/** The host of PUBLIC_URL, with its port where it names one. */
export function publicHostOf(publicUrl: string | null): string | null {
  return publicUrl === null ? null : new URL(publicUrl).host;
}

function staticKeysOf({ config }: HttpOptions) {
  const { adminKey, ingestKey } = config;
  const found: { key: string; caller: Caller }[] = [];
  if (adminKey !== null) {
    const caller = { ...EVERYONE, id: "admin", name: "TRACER_ADMIN_KEY" };
    found.push({ key: adminKey, caller });
  }
  if (ingestKey !== null) {
    const own = { id: "ingest", project: DEFAULT_PROJECT, name: "TRACER_INGEST_KEY" };
    found.push({ key: ingestKey, caller: { ...own, scopes: ["ingest"] } });
  }
  return found;
}
