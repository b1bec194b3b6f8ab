import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

// `pnpm test:browser`: the tests of the page in a real Chromium. Where there is none it is installed from Debian's
// archive, if that may be; where it may not be, this says so and is content: the tests then run elsewhere.

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));
const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const APT_TIMEOUT_MS = 300_000;
const run = promisify(execFile);

/** Path of a Chromium, or why there is none. Throws when it may be installed and that fails. */
async function chromium(): Promise<{ path: string } | { missing: string }> {
  const named = process.env["TRACER_CHROMIUM"];
  if (named !== undefined) return { path: named };
  const path = PLACES.find(existsSync);
  if (path !== undefined) return { path };
  if (!existsSync("/usr/bin/apt-get")) return { missing: "there is no apt-get" };
  if (process.getuid?.() !== 0) return { missing: "only root may install it" };
  process.stdout.write("Installing Chromium from Debian's archive …\n");
  await apt(["-q", "update"]);
  await apt(["-y", "-q", "--no-install-recommends", "install", "chromium"]);
  return { path: "/usr/bin/chromium" };
}

async function apt(args: readonly string[]): Promise<void> {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" };
  await run("apt-get", [...args], { env, timeout: APT_TIMEOUT_MS });
}

const found = await chromium();
if ("path" in found) {
  const vitest = join(ROOT, "node_modules/vitest/vitest.mjs");
  const args = [vitest, "run", "--project", "browser", ...process.argv.slice(2)];
  const env = { ...process.env, TRACER_CHROMIUM: found.path };
  const child = spawn(process.execPath, args, { cwd: ROOT, env, stdio: "inherit" });
  const [code] = await once(child, "exit");
  process.exitCode = typeof code === "number" ? code : 1;
} else {
  process.stdout.write(
    `test:browser did not run: there is no Chromium here, and ${found.missing}.\n` +
      "  Install Debian's package chromium, or name one: TRACER_CHROMIUM=/path/to/chromium\n",
  );
}
