import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** What the page is built from, from the root of the repository. */
const SOURCES = [
  "apps/console/build.ts",
  "apps/console/index.html",
  "apps/console/package.json",
  "apps/console/public",
  "apps/console/src",
  "packages/core/src",
];
const DIGEST_CHARS = 16;

/** Stands for everything that the page is built from; null where that is not there, as in the image. */
export async function sourcesDigest(root: string): Promise<string | null> {
  const paths = await Promise.all(SOURCES.map((path) => filesOf(root, path)));
  const [script = []] = paths;
  if (script.length === 0) return null;
  const hash = createHash("sha256");
  for (const path of paths.flat().sort()) {
    hash
      .update(`${path}\0`)
      .update(await readFile(join(root, path)))
      .update("\0");
  }
  return hash.digest("hex").slice(0, DIGEST_CHARS);
}

/** The files under a path; the path itself when it is one; none when it is not there. */
async function filesOf(root: string, path: string): Promise<string[]> {
  try {
    const entries = await readdir(join(root, path), { withFileTypes: true });
    const found = entries
      .filter(({ name }) => !/\.test\.tsx?$/.test(name))
      .map(({ name }) => filesOf(root, `${path}/${name}`));
    return (await Promise.all(found)).flat();
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : "";
    if (code === "ENOTDIR") return [path];
    if (code === "ENOENT") return [];
    throw error;
  }
}
