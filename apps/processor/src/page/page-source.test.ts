import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { systemClock } from "@tracer/core";
import { beforeAll, expect, test } from "vitest";
import type { TracerEvent } from "../tracer-event.ts";
import { PAGE_FILES_MAX, readPageFiles } from "./files.ts";
import { type BuiltPage, PageSource } from "./page-source.ts";

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));
/** What a browser loads before it shows the page, after gzip. */
const FIRST_LOAD_BYTES_MAX = 40_000;
const BUILD_MS = 120_000;

let page: BuiltPage & { kind: "built" };

beforeAll(async () => {
  using source = new PageSource({ root: ROOT, ...quiet() });
  const found = await source.page;
  if (found.kind !== "built") throw new Error(found.reason);
  page = found;
}, BUILD_MS);

function quiet(events: TracerEvent[] = []) {
  const observe = Object.assign((event: TracerEvent) => void events.push(event), {
    ...{ close: () => {}, metrics: async () => "", watch: () => {}, recordsAccepted: () => 0 },
  });
  return { observe, clock: systemClock };
}

/** What the HTML asks for, by its path in the folder. */
function firstLoad(): string[] {
  return [...page.html.matchAll(/(?:src|href)="\.\/([^"]+)"/g)].map(([, path = ""]) => path);
}

test("the first load is small, and all of it is there", () => {
  const paths = firstLoad();
  expect(paths.filter((path) => path.startsWith("assets/")).length).toBeGreaterThan(1);
  let bytes = page.files.get("index.html")?.gzipped.length ?? 0;
  for (const path of paths) bytes += page.files.get(path)?.gzipped.length ?? Number.NaN;
  expect(bytes).toBeGreaterThan(10_000);
  expect(bytes).toBeLessThan(FIRST_LOAD_BYTES_MAX);
});

test("nothing in the page needs more than the strict policy allows, nor another host", () => {
  expect(page.html).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=/i);
  const code = [...page.files].filter(([path]) => /\.(js|css)$/.test(path));
  expect(code.length).toBeGreaterThan(5);
  for (const [path, { body }] of code) {
    const text = body.toString("utf8").replaceAll(/http:\/\/www\.w3\.org\/[\w/]+/g, "");
    expect(text, path).not.toMatch(/\/\/cdn|\beval\(|new Function|document\.write\(|@import/);
    expect(text, path).not.toMatch(/https?:\/\/(?!\$\{|127\.0\.0\.1)/);
  }
});

test("addresses in it are relative, so that it works below any path", () => {
  expect(page.html).not.toMatch(/(?:src|href)="\//);
  for (const [path, { body }] of page.files) {
    if (path.endsWith(".js")) expect(body.toString("utf8"), path).not.toContain('"/assets');
  }
});

test("where it cannot be built the reason is told, once, and nothing else fails", async () => {
  const folder = await mkdtemp(join(tmpdir(), "tracer-page-"));
  const events: TracerEvent[] = [];
  using source = new PageSource({ root: folder, ...quiet(events) });
  const found = await source.page;
  expect(found).toMatchObject({ kind: "failed", reason: expect.stringContaining("build") });
  expect(events).toMatchObject([{ name: "page_missing" }]);
  await rm(folder, { recursive: true });
});

test("a folder of more files than a page has is refused", async () => {
  const folder = await mkdtemp(join(tmpdir(), "tracer-page-"));
  const write = (index: number) => writeFile(join(folder, `${index}.js`), "");
  await Promise.all(Array.from({ length: PAGE_FILES_MAX }, (_, index) => write(index)));
  expect((await readPageFiles(folder)).size).toBe(PAGE_FILES_MAX);
  await write(PAGE_FILES_MAX);
  await expect(readPageFiles(folder)).rejects.toThrow("too many files");
  await rm(folder, { recursive: true });
});
