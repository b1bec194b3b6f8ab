import { createHash, randomBytes } from "node:crypto";
import { TracerError } from "@tracer/core";
import type pg from "pg";
import { type Executor, type Row, run } from "./executor.ts";
import { isoSql } from "./incident-json.ts";
import { withMigrationLock } from "./migrate.ts";
import { numberOrNull, textOf, textOrNull, textsOf, wordOf } from "./row.ts";

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
  /** Every record that it sends counts as this service's; null: as the record says. */
  readonly service: string | null;
  /** How long it is still in force, in ms; null: until it is revoked. */
  readonly validMs: number | null;
}

export const KEY_STATES = ["active", "expired", "revoked"] as const;

/** A key as it is listed. Times are ISO 8601 in UTC, by the database's clock. */
export interface KeyRecord {
  readonly id: string;
  readonly project: string;
  readonly label: string;
  /** The first digits of its random part. */
  readonly prefix: string;
  readonly scopes: readonly KeyScope[];
  readonly service: string | null;
  readonly state: (typeof KEY_STATES)[number];
  readonly createdAt: string;
  readonly createdBy: string | null;
  readonly expiresAt: string | null;
  /** To the minute; null: never. */
  readonly lastUsedAt: string | null;
  readonly revokedAt: string | null;
}

/** A project's name as it stands in its keys. */
export const PROJECT_PATTERN = /^[a-zA-Z0-9_-]{1,64}$/;
/** Keys of a project that are in force. */
export const KEYS_MAX = 1_000;

const KEY_PATTERN = /^trc_[a-zA-Z0-9_-]{1,64}_([0-9a-f]{48})$/;
const PREFIX_DIGITS = 8;
const ALL: readonly KeyScope[] = KEY_SCOPES;
const IN_FORCE = "revoked_at is null and (expires_at is null or expires_at > clock_timestamp())";

/**
 * Makes one key to send with and one to administer, unless the database has a key that is in force. Of
 * several processes that ask at once, one makes them; the others get null.
 */
export async function createKeysIfNone(
  pool: pg.Pool,
  { project = "default" }: { readonly project?: string } = {},
): Promise<NewKeys | null> {
  return withMigrationLock(pool, async (client) => {
    if (await hasKeys(client)) return null;
    const make = (label: string, scopes: readonly KeyScope[]) =>
      createKey(client, { project, label, scopes, by: "first start" });
    const ingest = await make("ingest", ["ingest"]);
    const admin = await make("admin", ALL);
    return { ingest: ingest.key, admin: admin.key };
  });
}

/** Whether any stored key is in force. */
export async function hasKeys(db: Executor): Promise<boolean> {
  return (await run(db, `select id from api_keys where ${IN_FORCE} limit 1`)).length > 0;
}

export interface CreateKeyOptions {
  /** One that is new is made. */
  readonly project: string;
  readonly label: string;
  readonly scopes: readonly KeyScope[];
  readonly service?: string | null;
  /** From now on; null or not given: it does not expire. */
  readonly expiresInSeconds?: number | null;
  readonly by: string;
}

/**
 * Makes a key. It is told this once, and stored hashed.
 *
 * @throws TracerError INPUT_INVALID when the project has KEYS_MAX in force.
 */
export async function createKey(
  db: Executor,
  options: CreateKeyOptions,
): Promise<{ readonly key: string; readonly record: KeyRecord }> {
  const { project, label, scopes, service = null, expiresInSeconds = null, by } = options;
  const digits = randomBytes(24).toString("hex");
  const key = `trc_${project}_${digits}`;
  const prefix = digits.slice(0, PREFIX_DIGITS);
  const values = [project, label, prefix, hashOf(key), scopes, service, expiresInSeconds, by];
  const [row] = await run(db, CREATE_SQL, values);
  if (row !== undefined) return { key, record: recordOf(row) };
  const reason = `a project has at most ${KEYS_MAX} keys in force; revoke some`;
  const details = [{ field: "project", reason }];
  throw new TracerError("INPUT_INVALID", `project: ${reason}`, { details });
}

const SHOWN = `id::text, project, label, prefix, scopes, service, created_by,
  ${isoSql("created_at")} as created, ${isoSql("expires_at")} as expires,
  ${isoSql("last_used_at")} as last_used, ${isoSql("revoked_at")} as revoked,
  case when revoked_at is not null then 'revoked'
    when expires_at <= clock_timestamp() then 'expired' else 'active' end as state`;

const CREATE_SQL = `
with known as (insert into projects (name) values ($1) on conflict do nothing)
insert into api_keys (project, label, prefix, hash, scopes, service, expires_at, created_by)
select $1, $2, $3, $4, $5::text[], $6, clock_timestamp() + make_interval(secs => $7::float8), $8
where (select count(*) from api_keys where project = $1 and ${IN_FORCE}) < ${KEYS_MAX}
returning ${SHOWN}`;

export interface ListKeysOptions {
  /** Null: of every project. */
  readonly project: string | null;
  readonly limit: number;
}

/** Keys, newest first, those that are over as well. */
export async function listKeys(
  db: Executor,
  { project, limit }: ListKeysOptions,
): Promise<KeyRecord[]> {
  return (await run(db, LIST_SQL, [project, limit])).map(recordOf);
}

const LIST_SQL = `
select ${SHOWN} from api_keys k where $1::text is null or project = $1 order by k.id desc limit $2`;

/**
 * Ends a key now, and the sessions that were begun with it. `last_admin`: it is the only stored one in force that
 * may administer, others are left that may not, and `keepAdmin` says that somebody has to.
 */
export async function revokeKey(
  pool: pg.Pool,
  which: { readonly id: string; readonly project: string | null; readonly keepAdmin: boolean },
): Promise<KeyRecord | "unknown" | "last_admin"> {
  // Alone: two who revoke the last two at once must not both succeed.
  return withMigrationLock(pool, async (client) => {
    const { id, project, keepAdmin } = which;
    const [found] = await run(client, FIND_SQL, [id, project]);
    if (found === undefined) return "unknown";
    if (keepAdmin && (await run(client, LAST_ADMIN_SQL, [id])).length > 0) return "last_admin";
    const [row] = await run(client, REVOKE_SQL, [id]);
    return recordOf(row ?? found);
  });
}

const FIND_SQL = `
select ${SHOWN} from api_keys where api_keys.id = $1 and ($2::text is null or project = $2)`;

const LAST_ADMIN_SQL = `
select id from api_keys where id = $1 and ${IN_FORCE} and 'admin' = any(scopes) and project = 'default'
  and exists (select from api_keys where id <> $1 and ${IN_FORCE})
  and not exists (select from api_keys where id <> $1 and ${IN_FORCE} and 'admin' = any(scopes)
    and project = 'default')`;

const REVOKE_SQL = `
with ended as (delete from sessions where key_id = $1)
update api_keys set revoked_at = coalesce(revoked_at, clock_timestamp()) where api_keys.id = $1
returning ${SHOWN}`;

/** Looks a presented key up. Null: it is none of ours, revoked or expired. */
export async function findKey(db: Executor, presented: string): Promise<KeyOwner | null> {
  const digits = KEY_PATTERN.exec(presented)?.[1];
  if (digits === undefined) return null;
  // Compared as hashes: how long the database takes says nothing about the key.
  const [row] = await run(db, OWNER_SQL, [digits.slice(0, PREFIX_DIGITS), hashOf(presented)]);
  return row === undefined ? null : ownerOf(row);
}

/** SQL of what `ownerOf` reads, of keys in force. */
export const OWNER_COLUMNS = `k.id::text, k.project, k.label, k.prefix, k.scopes, k.service,
  extract(epoch from k.expires_at - clock_timestamp()) * 1000 as valid_ms`;
export const OWNER_IN_FORCE =
  "k.revoked_at is null and (k.expires_at is null or k.expires_at > clock_timestamp())";

const OWNER_SQL = `
select ${OWNER_COLUMNS} from api_keys k where k.prefix = $1 and k.hash = $2 and ${OWNER_IN_FORCE} limit 1`;

/** Reads a row of OWNER_COLUMNS. */
export function ownerOf(row: Row): KeyOwner {
  const label = textOf(row, "label");
  return {
    id: `key:${textOf(row, "id")}`,
    project: textOf(row, "project"),
    name: label === "" ? `key ${textOf(row, "prefix")}` : label,
    scopes: scopesOf(row),
    service: textOrNull(row, "service"),
    validMs: numberOrNull(row, "valid_ms"),
  };
}

/** Notes that keys were used, by their owners' ids; at most once a minute each. */
export async function touchKeys(db: Executor, ids: readonly string[]): Promise<void> {
  await run(db, TOUCH_SQL, [ids.map((id) => id.replace(/^key:/, ""))]);
}

const TOUCH_SQL = `
update api_keys set last_used_at = date_trunc('minute', clock_timestamp())
where id = any($1::bigint[]) and (last_used_at is null or last_used_at < date_trunc('minute', clock_timestamp()))`;

function scopesOf(row: Row): KeyScope[] {
  const scopes = textsOf(row, "scopes");
  return KEY_SCOPES.filter((scope) => scopes.includes(scope));
}

function recordOf(row: Row): KeyRecord {
  return {
    id: textOf(row, "id"),
    project: textOf(row, "project"),
    label: textOf(row, "label"),
    prefix: textOf(row, "prefix"),
    scopes: scopesOf(row),
    service: textOrNull(row, "service"),
    state: wordOf(row, "state", KEY_STATES),
    createdAt: textOf(row, "created"),
    createdBy: textOrNull(row, "created_by"),
    expiresAt: textOrNull(row, "expires"),
    lastUsedAt: textOrNull(row, "last_used"),
    revokedAt: textOrNull(row, "revoked"),
  };
}

function hashOf(key: string): string {
  return createHash("sha256").update(key).digest("hex");
}
