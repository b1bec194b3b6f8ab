import { access, constants, mkdir, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { systemClock, TracerError } from "@tracer/core";
import * as store from "@tracer/store";
import type { Config } from "../config.ts";
import type { Checked } from "./finding.ts";

/** Beyond it people's own clocks and what an alert says do not agree; nothing in Tracer goes wrong by it. */
const CLOCK_OFFSET_MS_MAX = 2_000;

/** The folder, the database, its schema, and its clock against this machine's. Changes nothing in it. */
export async function checkDatabase(config: Config): Promise<Checked[]> {
  const folder = await checkFolder(config);
  if (config.databaseUrl !== null) return [folder, ...(await checkServer(config.databaseUrl))];
  if (folder.state === "failed") return [folder];
  return [folder, ...(await checkEmbedded(resolve(config.dataDir)))];
}

async function checkFolder({ dataDir }: Config): Promise<Checked> {
  const path = resolve(dataDir);
  const about = { area: "data", name: path } as const;
  try {
    const there = await existing(path);
    await access(there, constants.W_OK);
    const detail = there === path ? "can be written" : "will be made at the first start";
    return { ...about, state: "ok", detail, fix: null };
  } catch (error) {
    const detail = `cannot be written (${codeOf(error)})`;
    return { ...about, state: "failed", detail, fix: "set DATA_DIR to a folder of this user's" };
  }
}

/** The folder, or the nearest above it that exists. */
async function existing(path: string): Promise<string> {
  try {
    await stat(path);
    return path;
  } catch (error) {
    if (codeOf(error) !== "ENOENT" || dirname(path) === path) throw error;
    return existing(dirname(path));
  }
}

/** An embedded one is started for the look, unless a Tracer has it, or there is none yet. */
async function checkEmbedded(dataDir: string): Promise<Checked[]> {
  const made = await stat(join(dataDir, "postgres")).catch(() => null);
  if (made === null) {
    return [ok("database", "embedded; will be made at the first start")];
  }
  await mkdir(dataDir, { recursive: true });
  try {
    await using embedded = await store.startEmbeddedPostgres({ dataDir });
    return await checkServer(embedded.connectionString);
  } catch (error) {
    if (!(error instanceof TracerError)) throw error;
    if (error.code === "DATA_DIR_LOCKED") return [ok("database", "embedded; a Tracer is using it")];
    const fix =
      error.code === "EMBEDDED_UNSUPPORTED"
        ? "set DATABASE_URL to a Postgres of your own"
        : "keep a copy of the folder; then move it away to begin anew, or set DATABASE_URL";
    return [failed("database", firstLine(error.message), fix)];
  }
}

async function checkServer(connectionString: string): Promise<Checked[]> {
  const pool = store.openPool({ connectionString, connectionsMax: 1 });
  try {
    const startedMs = systemClock.monotonicMs();
    await store.checkServerVersion(pool);
    const tookMs = Math.round(systemClock.monotonicMs() - startedMs);
    const answered = ok("database", `answers, after ${tookMs} ms with the connection`);
    return [answered, await checkSchema(pool), await checkClock(pool)];
  } catch (error) {
    if (!(error instanceof TracerError)) throw error;
    return [failed("database", firstLine(error.message), databaseFix(error.message))];
  } finally {
    await pool.end();
  }
}

async function checkSchema(pool: store.Pool): Promise<Checked> {
  const state = await store.schemaState(pool);
  switch (state.kind) {
    case "current":
      return ok("schema", "is up to date");
    case "behind": {
      const detail = state.isEmpty ? "is not made yet" : `lacks the last ${state.steps} steps`;
      const fix = "nothing: tracer start does it; by hand: tracer migrate";
      return { area: "schema", name: "", state: "warning", detail, fix };
    }
    case "newer":
      return failed("schema", "was made by a newer Tracer", "start that version, or a later one");
    default:
      return state satisfies never;
  }
}

async function checkClock(pool: store.Pool): Promise<Checked> {
  const beforeMs = systemClock.wallMs();
  const databaseMs = await store.serverTimeMs(pool);
  const afterMs = systemClock.wallMs();
  const offsetMs = Math.round((beforeMs + afterMs) / 2 - databaseMs);
  const seconds = `${(Math.abs(offsetMs) / 1e3).toFixed(3)} s`;
  if (Math.abs(offsetMs) <= CLOCK_OFFSET_MS_MAX) {
    return ok("clock", `agrees with the database's, but for ${seconds}`);
  }
  const detail = `is ${seconds} ${offsetMs > 0 ? "ahead of" : "behind"} the database's`;
  const fix = "set this machine's clock by NTP; Tracer itself goes by the database's";
  return { area: "clock", name: "", state: "warning", detail, fix };
}

function databaseFix(message: string): string {
  if (/password|authentication|28P01|28000/iu.test(message)) {
    return "the name or the password of DATABASE_URL is refused";
  }
  if (/does not exist|3D000/iu.test(message)) return "make the database that DATABASE_URL names";
  if (/ENOTFOUND|EAI_AGAIN/u.test(message)) return "the host of DATABASE_URL is not known here";
  if (/ECONNREFUSED/u.test(message)) {
    return "nothing listens at the host and port of DATABASE_URL: start Postgres, or correct it";
  }
  return "see that DATABASE_URL leads to a Postgres of version 14 or newer";
}

function ok(area: "database" | "schema" | "clock", detail: string): Checked {
  return { area, name: "", state: "ok", detail, fix: null };
}

function failed(area: "database" | "schema", detail: string, fix: string): Checked {
  return { area, name: "", state: "failed", detail, fix };
}

function firstLine(text: string): string {
  return text.split("\n")[0] ?? text;
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown";
}
