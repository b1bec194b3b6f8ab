import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { startEmbeddedPostgres } from "./embedded.ts";
import { findBinaries, reachableBinaries } from "./embedded-binaries.ts";
import { lockFolder } from "./folder-lock.ts";
import { openPool } from "./pool.ts";

/** A folder below a home that nobody else may enter, as /root is. */
async function privateFolder(): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), "tracer-home-"));
  onTestFinished(() => rm(home, { recursive: true, force: true, maxRetries: 5 }));
  chmodSync(home, 0o700);
  return join(home, "data");
}

/** A process of its own on the folder's database; prints the connection string when it is ready. */
async function startOther(dataDir: string): Promise<{ child: ChildProcess; line: string }> {
  const script = `
    import { startEmbeddedPostgres } from ${JSON.stringify(join(import.meta.dirname, "index.ts"))};
    try {
      const { connectionString } = await startEmbeddedPostgres({ dataDir: ${JSON.stringify(dataDir)} });
      console.log(connectionString);
    } catch (error) {
      console.log(error.code + " " + error.message);
    }`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const [line] = await once(createInterface(child.stdout), "line");
  return { child, line: String(line) };
}

function isRunning(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
  } catch {
    return false;
  }
}

test("made in a home of mode 0700, stopped, started again: the data is there", async () => {
  const dataDir = await privateFolder();
  const first = await startEmbeddedPostgres({ dataDir });
  const pool = openPool(first);
  await pool.query("create table kept as select 42 as answer");
  await pool.end();
  expect(statSync(join(dataDir, "postgres", "password")).mode & 0o777).toBe(0o600);
  if (process.getuid?.() === 0) {
    expect(statSync(join(dataDir, "postgres", "data")).uid).not.toBe(0); // Not run as root.
  }
  if (process.platform === "linux") {
    const group = execFileSync("ps", ["-o", "pgid=", "-p", String(first.pid)], {
      encoding: "utf8",
    });
    expect(Number(group)).toBe(first.pid); // Ctrl-C in our terminal does not reach it.
  }
  await first.stop();
  await first.stop();
  expect(existsSync(join(dataDir, "postgres", "data", "postmaster.pid"))).toBe(false);
  await using second = await startEmbeddedPostgres({ dataDir, fsync: false, connectionsMax: 7 });
  const again = openPool(second);
  const { rows } = await again.query(
    "select answer, current_setting('max_connections') as max from kept",
  );
  await again.end();
  expect(rows).toEqual([{ answer: 42, max: "7" }]);
});

test("strangers on this machine cannot log in", async () => {
  await using server = await startEmbeddedPostgres({
    dataDir: await privateFolder(),
    fsync: false,
  });
  const stranger = openPool({
    connectionString: server.connectionString.replace(/:[0-9a-f]+@/, ":guess@"),
  });
  await expect(stranger.query("select 1")).rejects.toMatchObject({ code: "28P01" });
  await stranger.end();
});

test("a second Tracer on the folder is refused, in this process and in another", async () => {
  const dataDir = await privateFolder();
  await using _server = await startEmbeddedPostgres({ dataDir, fsync: false });
  await expect(startEmbeddedPostgres({ dataDir })).rejects.toMatchObject({
    code: "DATA_DIR_LOCKED",
    details: { folder: dataDir, pid: process.pid },
  });
  const { line } = await startOther(dataDir);
  expect(line).toMatch(new RegExp(`^DATA_DIR_LOCKED The data folder ${dataDir} is in use`));
  expect(line).toContain(`(pid ${process.pid})`);
  expect(line).toContain("DATABASE_URL");
});

// Goal: what was acknowledged survives kill -9 of Tracer, and its server is neither left running for ever
// nor in the way. Method: another process holds the database; we write through it, kill it, start again.
test("kill -9 and start again: the data is there, the orphan is gone", async () => {
  const dataDir = await privateFolder();
  for (let round = 0; round < 2; round += 1) {
    const { child, line } = await startOther(dataDir);
    const pool = openPool({ connectionString: line });
    await pool.query("create table if not exists kept (round int)");
    await pool.query("insert into kept values ($1)", [round]);
    const { rows } = await pool.query("select round from kept order by round");
    expect(rows.map((row) => row.round)).toEqual(Array.from({ length: round + 1 }, (_, i) => i));
    child.kill("SIGKILL");
    await once(child, "exit");
    await pool.end();
  }
  const pid = postmasterPid(dataDir);
  await using _server = await startEmbeddedPostgres({ dataDir });
  if (pid !== null) expect(isRunning(pid)).toBe(false);
});

test("kill -9 alone: the server ends by itself", async () => {
  const dataDir = await privateFolder();
  const { child } = await startOther(dataDir);
  const pid = postmasterPid(dataDir) ?? 0;
  expect(isRunning(pid)).toBe(process.platform === "linux");
  child.kill("SIGKILL");
  await expect.poll(() => isRunning(pid), { timeout: 10_000 }).toBe(false);
  await expect.poll(() => postmasterPid(dataDir)).toBeNull(); // It stopped in an orderly way.
});

test("both are killed at once, and the number of the server is now another process'", async () => {
  const dataDir = await privateFolder();
  const { child } = await startOther(dataDir);
  const pid = postmasterPid(dataDir) ?? 0;
  process.kill(pid, "SIGSTOP"); // So that it cannot tidy up.
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  process.kill(pid, "SIGKILL");
  await ended;
  await expect.poll(() => isRunning(pid)).toBe(false);
  const pidFile = join(dataDir, "postgres", "data", "postmaster.pid");
  const stale = readFileSync(pidFile, "utf8").replace(String(pid), String(process.ppid));
  writeFileSync(pidFile, stale);
  await using server = await startEmbeddedPostgres({ dataDir });
  expect(isRunning(process.ppid)).toBe(true);
  expect(server.pid).not.toBe(process.ppid);
});

test("the owner is told when the server dies, and not when it is stopped", async () => {
  const dataDir = await privateFolder();
  const server = await startEmbeddedPostgres({ dataDir, fsync: false });
  process.kill(server.pid, "SIGKILL");
  expect(await server.exited).toMatchObject({ code: "DATABASE_UNAVAILABLE" });
  await server.stop();
  const next = await startEmbeddedPostgres({ dataDir, fsync: false });
  await next.stop();
  const told = await Promise.race([next.exited, Promise.resolve("nothing")]);
  expect(told).toBe("nothing");
});

test("another major version, a cluster cut off half-way, a file in the way", async () => {
  const dataDir = await privateFolder();
  const cluster = join(dataDir, "postgres", "data");
  mkdirSync(join(dataDir, "postgres", "data.new"), { recursive: true });
  writeFileSync(join(dataDir, "postgres", "data.new", "PG_VERSION"), "18\n");
  await (await startEmbeddedPostgres({ dataDir, fsync: false })).stop();
  writeFileSync(join(cluster, "PG_VERSION"), "17\n");
  await expect(startEmbeddedPostgres({ dataDir })).rejects.toMatchObject({
    code: "DATA_DIR_UNUSABLE",
    message: expect.stringMatching(/made by Postgres 17; .*Postgres 18.*pg_dump.*DATABASE_URL/),
  });
  const file = `${dataDir}.file`;
  writeFileSync(file, "");
  await expect(startEmbeddedPostgres({ dataDir: file })).rejects.toMatchObject({
    code: "DATA_DIR_UNUSABLE",
  });
});

test("a machine that npm has no server for", () => {
  expect(() => findBinaries("plan9-x64")).toThrow(
    expect.objectContaining({
      code: "EMBEDDED_UNSUPPORTED",
      message: expect.stringContaining("DATABASE_URL"),
    }),
  );
});

// Goal: a start that was killed while it made the database does not hinder the next one, although the
// program that makes it outlives its parent. Method: killed as soon as that program has begun to write.
test("kill -9 while the database is being made: the next start makes one, and nothing is left over", async () => {
  const dataDir = await privateFolder();
  const base = join(dataDir, "postgres");
  const script = `
    import { startEmbeddedPostgres } from ${JSON.stringify(join(import.meta.dirname, "index.ts"))};
    await startEmbeddedPostgres({ dataDir: ${JSON.stringify(dataDir)}, fsync: false });`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const begun = () => unfinishedIn(base).some((folder) => existsSync(join(base, folder, "pg_wal")));
  while (!begun()) await pause(1);
  child.kill("SIGKILL");
  await once(child, "close");
  await using second = await startEmbeddedPostgres({ dataDir, fsync: false });
  const pool = openPool(second);
  await pool.query("select 1");
  await pool.end();
  await second.stop();
  await using third = await startEmbeddedPostgres({ dataDir, fsync: false });
  await expect.poll(() => isRunning(third.pid)).toBe(true);
  await expect.poll(() => unfinishedIn(base), { timeout: 5_000 }).toEqual([]);
});

function unfinishedIn(base: string): string[] {
  return existsSync(base) ? readdirSync(base).filter((name) => name.startsWith("data.new")) : [];
}

test("programs in a place that others cannot enter are copied to one that they can, once", async () => {
  const home = await privateFolder();
  const folder = join(home, "native");
  mkdirSync(join(folder, "bin"), { recursive: true });
  writeFileSync(join(folder, "bin", "postgres"), "a program", { mode: 0o700 });
  const shared = await mkdtemp(join(tmpdir(), "tracer-shared-"));
  onTestFinished(() => rm(shared, { recursive: true, force: true }));
  const parents = ["/proc/none", join(shared, "tracer")];
  const umask = process.umask(0o077);
  onTestFinished(() => void process.umask(umask));
  chmodSync(shared, 0o755);
  const copied = reachableBinaries({ folder, version: "18.0" }, parents);
  expect(copied.folder.startsWith(join(shared, "tracer", "postgres-18.0-"))).toBe(true);
  const program = join(copied.folder, "bin", "postgres");
  expect(readFileSync(program, "utf8")).toBe("a program");
  expect(statSync(program).mode & 0o777).toBe(0o755);
  const { ino } = statSync(program);
  expect(reachableBinaries({ folder, version: "18.0" }, parents)).toEqual(copied);
  expect(statSync(program).ino).toBe(ino);
  await rm(program); // As a cleaner of temporary files does.
  reachableBinaries({ folder, version: "18.0" }, parents);
  expect(readFileSync(program, "utf8")).toBe("a program");
  expect(reachableBinaries(copied, [])).toBe(copied); // Where others can run it already.
  chmodSync(shared, 0o700);
  expect(() => reachableBinaries({ folder, version: "18.0" }, parents)).toThrow("DATABASE_URL");
});

test("a folder is locked by one at a time, and free when it is given back", async () => {
  const folder = await privateFolder();
  const lock = await lockFolder(folder);
  await expect(lockFolder(folder)).rejects.toMatchObject({ code: "DATA_DIR_LOCKED" });
  lock[Symbol.dispose]();
  using again = await lockFolder(folder);
  expect(again.folder).toBe(folder);
});

function postmasterPid(dataDir: string): number | null {
  const file = join(dataDir, "postgres", "data", "postmaster.pid");
  return existsSync(file) ? Number.parseInt(readFileSync(file, "utf8"), 10) : null;
}
