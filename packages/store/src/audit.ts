import { clip, flatten, TracerError } from "@tracer/core";
import { type Executor, type Row, run } from "./executor.ts";
import { isoSql } from "./incident-json.ts";
import { textOf, wordOf } from "./row.ts";

/** What somebody can have done. */
export const ACTS = [
  ...["incident.ack", "incident.accept", "incident.resolve"],
  ...["silence.create", "silence.expire", "deploy.mark", "delivery.retry", "channel.test"],
  ...["key.create", "key.revoke", "login", "logout"],
] as const;

export type Act = (typeof ACTS)[number];

const TEXT_CHARS_MAX = 300;

/** Somebody did something. Times are ISO 8601 in UTC, by the database's clock. */
export interface AuditEntry {
  readonly id: string;
  readonly at: string;
  readonly project: string;
  /** Name of the key that it was done with. */
  readonly actor: string;
  readonly act: Act;
  /** Id or name of what it was done to; `""` where there is none. */
  readonly subject: string;
}

/** Notes an act. Texts are flattened and clipped. */
export async function recordAct(
  db: Executor,
  { project, actor, act, subject }: Pick<AuditEntry, "project" | "actor" | "act" | "subject">,
): Promise<void> {
  const plain = (text: string) => clip(flatten(text), TEXT_CHARS_MAX);
  await run(db, RECORD_SQL, [project, plain(actor), act, plain(subject)]);
}

const RECORD_SQL = "insert into audit (project, actor, act, subject) values ($1, $2, $3, $4)";

export interface ListActsOptions {
  /** Null: of every project. */
  readonly project: string | null;
  readonly limit: number;
  /** `nextCursor` of the page before. */
  readonly cursor?: string;
}

export interface AuditPage {
  /** Newest first. */
  readonly entries: AuditEntry[];
  readonly nextCursor: string | null;
}

/**
 * What was done, newest first.
 *
 * @throws TracerError INPUT_INVALID when the cursor is not one of ours.
 */
export async function listActs(
  db: Executor,
  { project, limit, cursor }: ListActsOptions,
): Promise<AuditPage> {
  const beforeId = cursor === undefined ? null : idOf(cursor);
  const rows = await run(db, LIST_SQL, [project, limit + 1, beforeId]);
  const entries = rows.slice(0, limit).map(entryOf);
  const last = entries.at(-1);
  const isLastPage = rows.length <= limit || last === undefined;
  return {
    entries,
    nextCursor: isLastPage ? null : Buffer.from(`audit ${last.id}`).toString("base64url"),
  };
}

const LIST_SQL = `
select id::text, ${isoSql("at")} as at, project, actor, act, subject from audit
where ($1::text is null or project = $1) and ($3::bigint is null or audit.id < $3::bigint)
order by audit.id desc limit $2`;

function idOf(cursor: string): string {
  const id = /^audit ([0-9]{1,15})$/.exec(Buffer.from(cursor, "base64url").toString())?.[1];
  if (id !== undefined) return id;
  throw new TracerError("INPUT_INVALID", "The cursor is not one that this API gave out.");
}

function entryOf(row: Row): AuditEntry {
  return {
    id: textOf(row, "id"),
    at: textOf(row, "at"),
    project: textOf(row, "project"),
    actor: textOf(row, "actor"),
    act: wordOf(row, "act", ACTS),
    subject: textOf(row, "subject"),
  };
}
