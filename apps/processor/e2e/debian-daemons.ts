import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";

/** Where `debian-clients.ts` has unpacked the packages. */
function packagesRoot(): string {
  const root = process.env["CLIENTS_ROOT"];
  if (root === undefined) throw new Error("Run these tests by `pnpm test:clients`.");
  return root;
}

const CLIENT_TIMEOUT_MS = 60_000;
const READY_MS = 30_000;

/** The library folder of this machine's kind, such as usr/lib/x86_64-linux-gnu. */
function libraries(root: string): string[] {
  return ["usr/lib", "lib"]
    .map((place) => join(root, place))
    .filter((place) => existsSync(place))
    .flatMap((place) =>
      readdirSync(place)
        .filter((name) => name.endsWith("-linux-gnu") || name === "syslog-ng")
        .map((name) => join(place, name)),
    );
}

interface Daemon extends AsyncDisposable {
  /** A socket like /dev/log, to write to with `logger -u`. */
  readonly socket: string;
}

async function startDaemon(
  command: string,
  args: readonly string[],
  socket: string,
): Promise<Daemon> {
  const root = packagesRoot();
  const env = { PATH: process.env["PATH"], LD_LIBRARY_PATH: libraries(root).join(":"), TZ: "UTC" };
  const child = spawn(join(root, command), args, { env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  }
  const isGone = () => child.exitCode !== null || child.signalCode !== null;
  for (let waitedMs = 0; !existsSync(socket); waitedMs += 50) {
    if (isGone() || waitedMs > READY_MS) {
      child.kill("SIGKILL");
      throw new Error(`${command} is not ready: ${output}`);
    }
    await pause(50);
  }
  return {
    socket,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGTERM");
      const killer = setTimeout(() => child.kill("SIGKILL"), 10_000);
      if (!isGone()) await once(child, "exit");
      clearTimeout(killer);
    },
  };
}

/** rsyslog with these actions on what is written to its socket. */
export async function startRsyslog(folder: string, actions: string): Promise<Daemon> {
  const socket = join(folder, "log");
  const modules = libraries(packagesRoot()).map((place) => join(place, "rsyslog"));
  const config = join(folder, "rsyslog.conf");
  await writeFile(
    config,
    `global(workDirectory="${folder}")
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="${socket}" CreatePath="on" RateLimit.Interval="0")
${actions}
`,
  );
  const places = modules.filter((place) => existsSync(place)).join(":");
  const args = ["-n", "-f", config, "-i", join(folder, "pid"), "-M", places];
  return startDaemon("usr/sbin/rsyslogd", args, socket);
}

/** syslog-ng with this configuration, in which `s_src` is what is written to its socket. */
export async function startSyslogNg(folder: string, configuration: string): Promise<Daemon> {
  const socket = join(folder, "log");
  const config = join(folder, "syslog-ng.conf");
  const modules = join(packagesRoot(), "usr/lib/syslog-ng");
  const version = readdirSync(modules).find((name) => /^\d+\.\d+$/.test(name)) ?? "";
  await writeFile(
    config,
    `@version: ${version}
options { stats-freq(0); use-dns(no); keep-hostname(yes); };
source s_src { unix-dgram("${socket}"); };
${configuration}
`,
  );
  const file = (name: string) => join(folder, name);
  const args = ["-F", "--no-caps", "-f", config, "-R", file("persist"), "-p", file("pid")];
  args.push("-c", file("ctl"), `--module-path=${join(modules, version)}`);
  return startDaemon("usr/sbin/syslog-ng", args, socket);
}

/** Runs a command for the shell. */
export async function shell(command: string): Promise<void> {
  await promisify(execFile)("bash", ["-ec", command], {
    timeout: CLIENT_TIMEOUT_MS,
    env: { ...process.env, TZ: "UTC" },
  });
}

/** Runs util-linux's logger. */
export async function logger(args: readonly string[]): Promise<void> {
  await promisify(execFile)("logger", args, {
    timeout: CLIENT_TIMEOUT_MS,
    env: { ...process.env, TZ: "UTC" },
  });
}
