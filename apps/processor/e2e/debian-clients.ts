import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

// `pnpm test:clients`: fetches syslog-ng and rsyslog from Debian's archive, unpacks them into an ignored folder (they
// exclude each other as installed packages, and this way nothing of the machine changes), and runs the tests that
// need them. Where they cannot be had it says so, and is content: these tests then run elsewhere.

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const FOLDER = join(ROOT, "node_modules/.cache/tracer-clients");
/** Each set is asked for on its own: together apt refuses them. */
const SETS = [
  ["rsyslog", "rsyslog-elasticsearch"],
  ["syslog-ng-core", "syslog-ng-mod-http"],
];
const APT_TIMEOUT_MS = 90_000;
const run = promisify(execFile);

async function apt(options: readonly string[], args: readonly string[], cwd = FOLDER) {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" };
  const quiet = [
    "-o",
    "Debug::NoLocking=1",
    "-o",
    "APT::Sandbox::User=",
    "-o",
    "Acquire::Retries=1",
  ];
  const timeout = { timeout: APT_TIMEOUT_MS, killSignal: "SIGKILL" } as const;
  return run("apt-get", [...quiet, ...options, ...args], { cwd, env, ...timeout });
}

/** The packages of a set with what they need and this machine lacks. */
async function packagesOf(options: readonly string[], set: readonly string[]): Promise<string[]> {
  // Told by a simulation: a list of addresses lacks what apt has in its cache already.
  const args = ["-y", "-q", "--simulate", "--reinstall", "--no-install-recommends", "install"];
  const { stdout } = await apt(options, [...args, ...set]);
  const names = [...stdout.matchAll(/^Inst (\S+) /gm)].map((found) => found[1] ?? "");
  if (!set.every((name) => names.includes(name))) throw new Error(`apt does not offer ${set}.`);
  return names;
}

async function fetchPackages(options: readonly string[]): Promise<void> {
  const staging = join(FOLDER, "staging");
  await rm(staging, { recursive: true, force: true });
  await mkdir(join(staging, "root"), { recursive: true });
  for (const set of SETS) {
    await apt(options, ["-q", "download", ...(await packagesOf(options, set))], staging);
  }
  for (const file of await readdir(staging)) {
    if (!file.endsWith(".deb")) continue;
    await run("dpkg", ["-x", join(staging, file), join(staging, "root")], {
      timeout: APT_TIMEOUT_MS,
    });
  }
  await rm(join(FOLDER, "root"), { recursive: true, force: true });
  await rename(join(staging, "root"), join(FOLDER, "root"));
  await rm(staging, { recursive: true, force: true });
}

/** Fetches what is missing. Null when all is there, else why it cannot be had. */
async function prepare(): Promise<string | null> {
  const there = ["rsyslogd", "syslog-ng"].every((name) =>
    existsSync(join(FOLDER, "root/usr/sbin", name)),
  );
  if (there) return null;
  const own = ["-o", `Dir::State::Lists=${FOLDER}/lists`, "-o", `Dir::Cache=${FOLDER}/cache`];
  try {
    await mkdir(join(FOLDER, "lists/partial"), { recursive: true });
    await mkdir(join(FOLDER, "cache/archives/partial"), { recursive: true });
    await fetchPackages([]).catch(async () => {
      // A fresh machine has no lists, and another user's may be stale: lists of our own need no root.
      await apt(own, ["-q", "update"]);
      await fetchPackages(own);
    });
    return null;
  } catch (error) {
    return error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
  }
}

const problem = await prepare();
if (problem === null) {
  const vitest = join(ROOT, "node_modules/vitest/vitest.mjs");
  const args = [vitest, "run", "--project", "clients"];
  const env = { ...process.env, CLIENTS_ROOT: join(FOLDER, "root") };
  const child = spawn(process.execPath, args, { cwd: ROOT, env, stdio: "inherit" });
  const [code] = await once(child, "exit");
  process.exitCode = typeof code === "number" ? code : 1;
} else {
  process.stdout.write(
    `test:clients did not run: syslog-ng and rsyslog cannot be fetched here (Debian's apt-get and a network are needed).\n  ${problem}\n`,
  );
}
