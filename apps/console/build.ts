import { chmod, mkdir, mkdtemp, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "vite";

/**
 * Builds the page into the folder `--out`, which is there whole or not at all: it is built beside it and renamed.
 * Several at once are fine: the first one's stays, and the others drop theirs.
 */

const ROOT = fileURLToPath(new URL(".", import.meta.url));
const LEFT_OVER_MS = 600_000;

const { values } = parseArgs({ options: { out: { type: "string" } } });
if (values.out === undefined) throw new Error("Say where to: node build.ts --out FOLDER");
await buildInto(resolve(values.out));

async function buildInto(out: string): Promise<void> {
  const parent = dirname(out);
  await mkdir(parent, { recursive: true });
  await sweep(parent);
  const folder = await mkdtemp(join(parent, `.${basename(out)}-`));
  try {
    await build({
      root: ROOT,
      configFile: false,
      base: "./",
      logLevel: "warn",
      oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
      build: {
        outDir: folder,
        emptyOutDir: true,
        target: "es2022",
        assetsInlineLimit: 0,
        modulePreload: { polyfill: false },
        reportCompressedSize: false,
      },
    });
    await chmod(folder, 0o755); // A temporary folder is its owner's alone; the image has another reader.
    await rename(folder, out);
  } catch (error) {
    if (!(await isThere(join(out, "index.html")))) throw error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What builds that were killed have left. */
async function sweep(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    if (!name.startsWith(".")) continue;
    const { mtimeMs } = await stat(join(parent, name)).catch(() => ({ mtimeMs: Infinity }));
    const isOld = Date.now() - mtimeMs > LEFT_OVER_MS;
    if (isOld) await rm(join(parent, name), { recursive: true, force: true });
  }
}

function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
