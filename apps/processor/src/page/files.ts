import { readdir, readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";

/** A file of the page as it is sent. */
export interface PageFile {
  readonly type: string;
  readonly body: Buffer;
  readonly gzipped: Buffer;
}

const compress = promisify(gzip);

const TYPES: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
};
/** A page has some twenty; more than this is another folder. */
export const PAGE_FILES_MAX = 200;

/** The files of a built page by their path in it, such as `assets/index-abc.js`. All of them are held in memory. */
export async function readPageFiles(folder: string): Promise<ReadonlyMap<string, PageFile>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  if (paths.length > PAGE_FILES_MAX) throw new Error(`${folder} holds too many files`);
  const files = await Promise.all(
    paths.map(async (path) => {
      const body = await readFile(path);
      const type = TYPES[extname(path)] ?? "application/octet-stream";
      const name = path.slice(folder.length + 1);
      return [name, { type, body, gzipped: await compress(body, { level: 9 }) }] as const;
    }),
  );
  return new Map(files);
}
