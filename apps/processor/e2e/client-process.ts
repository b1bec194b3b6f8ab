import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const CLIENT_TIMEOUT_MS = 60_000;

/**
 * Runs a shipper as people run it: `e2e/clients/<name>.mjs` in a process of its own, with the address of Tracer as
 * its first argument. Resolves with what it wrote to stdout; rejects with its output when it fails.
 */
export async function runClient(
  name: string,
  { url, args = [] }: { readonly url: string; readonly args?: readonly string[] },
): Promise<string> {
  const script = fileURLToPath(new URL(`./clients/${name}.mjs`, import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [script, url, ...args], {
    timeout: CLIENT_TIMEOUT_MS,
    env: { PATH: process.env["PATH"], NODE_ENV: "production" },
  });
  return stdout;
}
