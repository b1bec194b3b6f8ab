import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, TracerError } from "@tracer/core";
import type { Observe } from "../observe.ts";
import { sourcesDigest } from "./digest.ts";
import { type PageFile, readPageFiles } from "./files.ts";

/** The page to send, or why there is none. */
export type BuiltPage =
  | { readonly kind: "built"; readonly html: string; readonly files: ReadonlyMap<string, PageFile> }
  | { readonly kind: "failed"; readonly reason: string };

export interface PageSourceOptions {
  /** Of the repository, or of the image. */
  readonly root: string;
  readonly observe: Observe;
  readonly clock: Clock;
}

const BUILD_MS_MAX = 120_000;
const REASON_CHARS_MAX = 2_000;

/**
 * The operator page: taken from `apps/console/dist`, built once beside the work when it is not there or older than
 * its sources. The service never waits for it.
 */
export class PageSource implements Disposable {
  readonly #options: PageSourceOptions;
  readonly #page: Promise<BuiltPage>;
  #child: ChildProcess | null = null;
  #isOver = false;

  constructor(options: PageSourceOptions) {
    this.#options = options;
    this.#page = this.#find();
  }

  /** Settles when the page is there, or will not be; never rejects. */
  get page(): Promise<BuiltPage> {
    return this.#page;
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    this.#child?.kill("SIGTERM");
  }

  async #find(): Promise<BuiltPage> {
    const { root, observe, clock } = this.#options;
    try {
      const dist = join(root, "apps/console/dist");
      const digest = await sourcesDigest(root);
      const folder = digest === null ? await newestOf(dist) : join(dist, digest);
      if (!(await isThere(join(folder, "index.html")))) {
        const beganMs = clock.monotonicMs();
        await this.#build(folder);
        observe({ name: "page_built", seconds: (clock.monotonicMs() - beganMs) / 1e3 });
      }
      const files = await readPageFiles(folder);
      const html = files.get("index.html")?.body.toString("utf8");
      if (html === undefined) throw new TracerError("INTERNAL", `${folder} holds no index.html`);
      return { kind: "built", html, files };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (!this.#isOver) observe({ name: "page_missing", reason });
      return { kind: "failed", reason };
    }
  }

  async #build(folder: string): Promise<void> {
    const script = join(this.#options.root, "apps/console/build.ts");
    if (this.#isOver) throw new Error("Tracer is stopping");
    const child = spawn(process.execPath, [script, "--out", folder], {
      stdio: ["ignore", "ignore", "pipe"],
      timeout: BUILD_MS_MAX,
    });
    this.#child = child;
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(-REASON_CHARS_MAX);
    });
    await once(child, "close");
    this.#child = null;
    if (child.exitCode === 0) return;
    throw new Error(said.trim() || `the build ended with ${child.exitCode ?? child.signalCode}`);
  }
}

/** Where there are no sources: the page that was built last. */
async function newestOf(dist: string): Promise<string> {
  const names = await readdir(dist).catch(() => []);
  let newest = { path: join(dist, "none"), atMs: 0 };
  for (const name of names.filter((each) => !each.startsWith("."))) {
    const path = join(dist, name);
    const { mtimeMs } = await stat(path);
    if (mtimeMs > newest.atMs) newest = { path, atMs: mtimeMs };
  }
  return newest.path;
}

function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
