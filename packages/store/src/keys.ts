import { createHash, randomBytes } from "node:crypto";
import type { NodePgDatabase } from "drizzle-orm/node-postgres";
import type pg from "pg";
import { and, drizzle, eq, isNull } from "./drizzle.ts";
import { translated } from "./executor.ts";
import { withMigrationLock } from "./migrate.ts";
import { apiKeys, projects } from "./schema.ts";

/** What a key may do. `ingest` sends records, `read` sees, `operate` acts on what it sees, `admin` may do everything. */
export const KEY_SCOPES = ["ingest", "read", "operate", "admin"] as const;

export type KeyScope = (typeof KEY_SCOPES)[number];

/** The keys that were made, in full: shown once, stored only hashed. */
export interface NewKeys {
  readonly ingest: string;
  readonly admin: string;
}

/** Whose key it is and what it may do. */
export interface KeyOwner {
  /** Of the key, the same in every processor. */
  readonly id: string;
  readonly project: string;
  /** Its label, or `key 1a2b3c4d` by its first digits when it has none. */
  readonly name: string;
  readonly scopes: readonly KeyScope[];
}

const KEY_PATTERN = /^trc_[a-zA-Z0-9_-]{1,64}_([0-9a-f]{48})$/;
const PREFIX_DIGITS = 8;

/**
 * Makes one key to send with and one to administer, unless the database has a key that is in force. Of
 * several processes that ask at once, one makes them; the others get null.
 */
export async function createKeysIfNone(
  pool: pg.Pool,
  { project = "default" }: { readonly project?: string } = {},
): Promise<NewKeys | null> {
  return withMigrationLock(pool, async (client) => {
    const db = drizzle({ client });
    if (await exists(db)) return null;
    await db.insert(projects).values({ name: project }).onConflictDoNothing();
    return {
      ingest: await addKey(db, { project, label: "ingest", scopes: ["ingest"] }),
      admin: await addKey(db, {
        project,
        label: "admin",
        scopes: ["ingest", "read", "operate", "admin"],
      }),
    };
  });
}

/** Whether any stored key is in force. */
export async function hasKeys(pool: pg.Pool): Promise<boolean> {
  return exists(drizzle({ client: pool }));
}

/** Looks a presented key up. Null: it is none of ours, or revoked. */
export async function findKey(pool: pg.Pool, presented: string): Promise<KeyOwner | null> {
  const digits = KEY_PATTERN.exec(presented)?.[1];
  if (digits === undefined) return null;
  const prefix = digits.slice(0, PREFIX_DIGITS);
  // Compared as hashes: how long the database takes says nothing about the key.
  const wanted = and(
    eq(apiKeys.prefix, prefix),
    eq(apiKeys.hash, hashOf(presented)),
    isNull(apiKeys.revokedAt),
  );
  const found = await drizzle({ client: pool })
    .select({
      ...{ id: apiKeys.id, project: apiKeys.project },
      ...{ label: apiKeys.label, scopes: apiKeys.scopes },
    })
    .from(apiKeys)
    .where(wanted)
    .limit(1)
    .catch(rethrow);
  const key = found[0];
  if (key === undefined) return null;
  return {
    id: `key:${key.id}`,
    project: key.project,
    name: key.label === "" ? `key ${prefix}` : key.label,
    scopes: KEY_SCOPES.filter((scope) => key.scopes.includes(scope)),
  };
}

async function exists(db: NodePgDatabase): Promise<boolean> {
  const inForce = isNull(apiKeys.revokedAt);
  const found = await db
    .select({ id: apiKeys.id })
    .from(apiKeys)
    .where(inForce)
    .limit(1)
    .catch(rethrow);
  return found.length > 0;
}

async function addKey(
  db: NodePgDatabase,
  { project, label, scopes }: Omit<KeyOwner, "id" | "name"> & { readonly label: string },
): Promise<string> {
  const digits = randomBytes(24).toString("hex");
  const key = `trc_${project}_${digits}`;
  const prefix = digits.slice(0, PREFIX_DIGITS);
  const row = { project, label, prefix, hash: hashOf(key), scopes: [...scopes] };
  await db.insert(apiKeys).values(row).catch(rethrow);
  return key;
}

function hashOf(key: string): string {
  return createHash("sha256").update(key).digest("hex");
}

/** Drizzle wraps the driver's error. */
function rethrow(error: unknown): never {
  throw translated(error instanceof Error && error.cause !== undefined ? error.cause : error);
}
