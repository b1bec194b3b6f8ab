import { constants } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * A file that grows and is emptied. What was not flushed by `sync` may be lost; what failed to be written
 * is overwritten by the next. Every method rejects when the disk says no, and may be called again.
 */
export class SpillFile implements AsyncDisposable {
  readonly path: string;
  #handle: FileHandle | null = null;
  #size: number;

  constructor(path: string, { size }: { readonly size: number }) {
    this.path = path;
    this.#size = size;
  }

  /** In bytes, of what was written whole. */
  get size(): number {
    return this.#size;
  }

  async append(bytes: Uint8Array): Promise<void> {
    const handle = await this.#open();
    for (let done = 0; done < bytes.length; ) {
      const position = this.#size + done;
      const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position);
      done += bytesWritten;
    }
    this.#size += bytes.length;
  }

  async sync(): Promise<void> {
    await (await this.#open()).datasync();
  }

  /** Puts `pieces` in the place of all that is there; a crash leaves the old or the new, whole. */
  async rewrite(pieces: Iterable<Uint8Array>): Promise<void> {
    const temporary = `${this.path}.tmp`;
    try {
      const handle = await open(temporary, "w", 0o600);
      let size = 0;
      try {
        for (const piece of pieces) {
          await handle.appendFile(piece);
          size += piece.length;
        }
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(temporary, this.path);
      await this.#close(); // It was the old one's.
      this.#size = size;
      await syncFolder(this.path);
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => {}); // The disk may be full of it.
      throw error;
    }
  }

  async empty(): Promise<void> {
    const handle = await this.#open();
    await handle.truncate(0);
    await handle.datasync();
    this.#size = 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }

  async #open(): Promise<FileHandle> {
    if (this.#handle !== null) return this.#handle;
    const handle = await open(this.path, constants.O_RDWR | constants.O_CREAT, 0o600);
    this.#handle = handle;
    await syncFolder(this.path);
    return handle;
  }

  async #close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = null;
    await handle?.close();
  }
}

/** Without it a crash of the machine may forget that there is such a file. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
