import { spawn, spawnSync } from "node:child_process";
import { constants } from "node:os";

/**
 * `node isolated-run.ts COMMAND ARGS…`: runs a command where there is no network but loopback, if this machine lets
 * us make such a place, and says which of the two it is. The exit code is the command's.
 */

/** A namespace as root; or one in which the user keeps its id, because Postgres refuses to run as root. */
const WAYS = [
  ["unshare", "--net"],
  ["unshare", "--map-current-user", "--keep-caps", "--net"],
];
const LOOPBACK_UP = "(ip link set lo up || ifconfig lo up) 2>/dev/null";
/** Says yes when loopback works in there, and the way out does not. */
const PROBE = `
  const { connect, createServer } = require("node:net");
  const server = createServer().listen(0, "127.0.0.1", () => {
    const there = connect(server.address().port, "127.0.0.1", () => process.exit(
      Object.values(require("node:os").networkInterfaces()).flat().every(({ internal }) => internal) ? 0 : 1));
    there.on("error", () => process.exit(1));
  });
  server.on("error", () => process.exit(1));`;

function wayInto(): readonly string[] | null {
  if (process.platform !== "linux" || process.env["TEST_DATABASE_URL"] !== undefined) return null;
  for (const [command = "", ...args] of WAYS) {
    const script = `${LOOPBACK_UP} && exec "$@"`;
    const enter = [...args, "sh", "-c", script, "sh"];
    const probe = [...enter, process.execPath, "-e", PROBE];
    const { status } = spawnSync(command, probe, { stdio: "ignore", timeout: 20_000 });
    if (status === 0) return [command, ...enter];
  }
  return null;
}

function run(command: readonly string[]): void {
  const way = wayInto();
  process.stdout.write(
    way === null
      ? "Network: this machine lets us make no place without one; the guard in the tests stands alone.\n"
      : "Network: none but loopback, in a namespace of its own.\n",
  );
  const [file = "", ...args] = [...(way ?? []), ...command];
  const child = spawn(file, args, { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  });
  child.on("exit", (code, signal) => {
    process.exitCode = code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
  });
}

run(process.argv.slice(2));
