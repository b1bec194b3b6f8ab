import { createHash, randomBytes } from "node:crypto";
import { type Executor, run } from "./executor.ts";
import { type KeyOwner, OWNER_COLUMNS, OWNER_IN_FORCE, ownerOf } from "./keys.ts";
import { numberOf, textOrNull } from "./row.ts";

/** A session ends this long after its login, whatever happens. */
export const SESSION_HOURS = 12;
/** Sessions of one key; the oldest ends when there is one more. */
export const SESSIONS_MAX = 100;

const TOKEN_PATTERN = /^trs_[0-9a-f]{64}$/;

/** A session's key: a stored one, or a proof of one from the environment. */
export type SessionKey = { readonly keyId: string } | { readonly staticKey: string };

/** Begins a session; its token is told this once, and stored hashed. */
export async function beginSession(db: Executor, key: SessionKey): Promise<string> {
  const token = `trs_${randomBytes(32).toString("hex")}`;
  const keyId = "keyId" in key ? key.keyId.replace(/^key:/, "") : null;
  const proof = "staticKey" in key ? sessionProof(token, key.staticKey) : null;
  await run(db, BEGIN_SQL, [hashOf(token), keyId, proof]);
  return token;
}

const BEGIN_SQL = `
with oldest as (delete from sessions where token_hash in (
  select token_hash from sessions where key_id is not distinct from $2
  order by created_at desc offset ${SESSIONS_MAX - 1}))
insert into sessions (token_hash, key_id, key_proof, expires_at)
values ($1, $2, $3, clock_timestamp() + interval '${SESSION_HOURS} hours')`;

/** A session in force: whose stored key it was begun with, or the proof of one that is not stored. */
export type Session =
  | { readonly owner: KeyOwner }
  | { readonly keyProof: string; readonly validMs: number };

/** Looks a token up. Null: it is none, over, or its key is. */
export async function findSession(db: Executor, token: string): Promise<Session | null> {
  if (!TOKEN_PATTERN.test(token)) return null;
  const [row] = await run(db, FIND_SQL, [hashOf(token)]);
  if (row === undefined) return null;
  const validMs = numberOf(row, "session_ms");
  const keyProof = textOrNull(row, "key_proof");
  if (keyProof !== null) return { keyProof, validMs };
  const owner = ownerOf(row);
  return { owner: { ...owner, validMs: Math.min(validMs, owner.validMs ?? validMs) } };
}

const FIND_SQL = `
select s.key_proof, extract(epoch from s.expires_at - clock_timestamp()) * 1000 as session_ms, ${OWNER_COLUMNS}
from sessions s left join api_keys k on k.id = s.key_id
where s.token_hash = $1 and s.expires_at > clock_timestamp()
  and (s.key_proof is not null or (k.id is not null and ${OWNER_IN_FORCE}))`;

/** Ends a session; without effect where there is none. */
export async function endSession(db: Executor, token: string): Promise<void> {
  await run(db, "delete from sessions where token_hash = $1", [hashOf(token)]);
}

/** What a session keeps of a key that is not stored: nobody can try keys against it without the token. */
export function sessionProof(token: string, key: string): string {
  return hashOf(`${token} ${key}`);
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
