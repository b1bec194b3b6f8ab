import { clip, flatten, TracerError } from "@tracer/core";
import * as store from "@tracer/store";
import { z } from "zod";
import { readConfig } from "../config.ts";
import { openDatabase } from "../database.ts";
import { Exit } from "../exit.ts";
import { createObserve } from "../observe.ts";
import { askTracer } from "./api-client.ts";
import type { CommandContext } from "./context.ts";
import { parseDurationSeconds } from "./duration.ts";

export interface CreateKeyArgs {
  readonly project?: string;
  readonly label?: string;
  /** Separated by commas. */
  readonly scope?: string;
  readonly service?: string;
  readonly expires?: string;
  readonly json?: boolean;
}

const TEXT_CHARS_MAX = 200;
const KEYS_LISTED_MAX = 1_000;
const DEFAULT_PROJECT = "default";

/** As it comes over HTTP and from the database. */
const KeyAnswer = z.object({
  ...{ id: z.string(), project: z.string(), label: z.string(), prefix: z.string() },
  ...{ scopes: z.array(z.string()), service: z.string().nullable(), state: z.string() },
  ...{ expiresAt: z.string().nullable(), lastUsedAt: z.string().nullable() },
});
const ListAnswer = z.object({ keys: z.array(KeyAnswer) });
const MadeAnswer = KeyAnswer.extend({ key: z.string() });
const Wanted = z.object({
  project: z.string().regex(store.PROJECT_PATTERN, "1 to 64 letters, digits, - or _").optional(),
  scopes: z.array(z.enum(store.KEY_SCOPES, `of ${store.KEY_SCOPES.join(", ")}`)).optional(),
  label: z.string().max(100, "at most 100 characters").default(""),
  service: z.string().min(1).max(200, "at most 200 characters").optional(),
  expiresInSeconds: z.number().optional(),
});

/** What came back, or the exit code after the reason has been written to stderr. */
type Result = { readonly body: unknown } | { readonly exit: Exit };

/**
 * Makes a key and prints it, this once. Straight in the database with DATABASE_URL, or while no Tracer runs;
 * else by asking the one that does.
 */
export async function createKey(context: CommandContext, args: CreateKeyArgs): Promise<Exit> {
  const { stdout, stderr } = context;
  const { project, label, service, scope, expires } = args;
  const expiresInSeconds = expires === undefined ? undefined : parseDurationSeconds(expires);
  if (expiresInSeconds === null) {
    stderr.write("--expires is a time such as 90d or 12h.\n");
    return Exit.usage;
  }
  const scopes = scope?.split(",").map((name) => name.trim());
  const parsed = Wanted.safeParse({ project, label, service, scopes, expiresInSeconds });
  if (!parsed.success) {
    const problems = parsed.error.issues.map(
      ({ path, message }) => `--${String(path[0]).replace("scopes", "scope")}: ${message}\n`,
    );
    stderr.write(problems.join(""));
    return Exit.usage;
  }
  const result = await inDatabaseOrAsked(context, {
    direct: async (pool) => {
      const isFirst = !(await store.hasKeys(pool));
      const wanted = parsed.data;
      const made = await store.createKey(pool, {
        ...{ project: wanted.project ?? DEFAULT_PROJECT, label: wanted.label, by: ACTOR },
        ...{ service: wanted.service ?? null, expiresInSeconds: wanted.expiresInSeconds ?? null },
        scopes: wanted.scopes ?? (isFirst ? ["admin"] : ["ingest"]),
      });
      await note(pool, "key.create", made.record);
      return { ...made.record, key: made.key };
    },
    asked: { path: "/api/v1/keys", method: "POST", body: parsed.data },
  });
  if ("exit" in result) return result.exit;
  const made = MadeAnswer.parse(result.body);
  if (args.json === true) stdout.write(`${JSON.stringify(result.body, null, 2)}\n`);
  else stdout.write(`${made.key}\n`);
  stderr.write(`Key ${lineOf(made)}\nIt is shown this once: keep it where secrets are kept.\n`);
  return Exit.ok;
}

export async function listKeys(
  context: CommandContext,
  { project, json = false }: { readonly project?: string; readonly json?: boolean },
): Promise<Exit> {
  const { stdout } = context;
  const query = new URLSearchParams({ limit: String(KEYS_LISTED_MAX), project: project ?? "*" });
  const result = await inDatabaseOrAsked(context, {
    direct: async (pool) => ({
      keys: await store.listKeys(pool, { project: project ?? null, limit: KEYS_LISTED_MAX }),
    }),
    asked: { path: `/api/v1/keys?${query}` },
  });
  if ("exit" in result) return result.exit;
  if (json) {
    stdout.write(`${JSON.stringify(result.body, null, 2)}\n`);
    return Exit.ok;
  }
  const { keys } = ListAnswer.parse(result.body);
  if (keys.length === 0) stdout.write("There are no keys.\n");
  for (const key of keys) stdout.write(`${lineOf(key)}\n`);
  return Exit.ok;
}

/** Ends a key; the processors that run hear of it within a minute. */
export async function revokeKey(
  context: CommandContext,
  { id = "", json = false }: { readonly id?: string; readonly json?: boolean },
): Promise<Exit> {
  const { stdout, stderr } = context;
  if (!/^\d{1,15}$/.test(id)) {
    stderr.write("A key is named by its id, the first word of a line of: tracer keys list\n");
    return Exit.usage;
  }
  const result = await inDatabaseOrAsked(context, {
    direct: async (pool) => {
      // Whoever has the database can always make another.
      const revoked = await store.revokeKey(pool, { id, project: null, keepAdmin: false });
      if (revoked === "unknown" || revoked === "last_admin") {
        throw new TracerError("NOT_FOUND", "There is no key of this id.");
      }
      await note(pool, "key.revoke", revoked);
      return revoked;
    },
    asked: { path: `/api/v1/keys/${id}`, method: "DELETE" },
  });
  if ("exit" in result) return result.exit;
  const text = json ? JSON.stringify(result.body, null, 2) : lineOf(KeyAnswer.parse(result.body));
  stdout.write(`${text}\n`);
  return Exit.ok;
}

const ACTOR = "command line";

async function note(pool: store.Pool, act: store.Act, key: store.KeyRecord): Promise<void> {
  const subject = `${key.id} ${key.label === "" ? key.prefix : key.label}`;
  await store.recordAct(pool, { project: key.project, actor: ACTOR, act, subject });
}

interface Ways {
  readonly direct: (pool: store.Pool) => Promise<unknown>;
  readonly asked: Parameters<typeof askTracer>[1];
}

/** The embedded database belongs to the Tracer that runs on it, so that one is asked; else the database is. */
async function inDatabaseOrAsked(
  context: CommandContext,
  { direct, asked }: Ways,
): Promise<Result> {
  const config = readConfig(context.environment);
  if (config.databaseUrl === null) {
    const result = await askTracer(context, { ...asked, quietlyUnavailable: true });
    if (!("exit" in result) || result.exit !== Exit.unavailable) return result;
  }
  const observe = createObserve(config.logLevel, context.stderr);
  try {
    await using database = await openDatabase(config, observe);
    return { body: await direct(database.pool) };
  } catch (error) {
    if (!(error instanceof TracerError) || !REFUSALS.includes(error.code)) throw error;
    context.stderr.write(`${error.code}: ${error.message}\n`);
    return { exit: error.code === "INPUT_INVALID" ? Exit.usage : Exit.failed };
  } finally {
    observe.close();
  }
}
const REFUSALS: readonly string[] = ["NOT_FOUND", "INPUT_INVALID"];

function lineOf(key: z.infer<typeof KeyAnswer>): string {
  const { id, project, prefix, label, scopes, service, state, expiresAt, lastUsedAt } = key;
  const parts = [
    ...[id, plain(project), `trc_${plain(project)}_${prefix}…`, state, scopes.join(",")],
    ...(service === null ? [] : [`service=${plain(service)}`]),
    ...(expiresAt === null ? [] : [`expires ${expiresAt}`]),
    lastUsedAt === null ? "never used" : `last used ${lastUsedAt}`,
    ...(label === "" ? [] : [plain(label)]),
  ];
  return parts.join("  ");
}

function plain(text: string): string {
  return clip(flatten(text), TEXT_CHARS_MAX);
}
