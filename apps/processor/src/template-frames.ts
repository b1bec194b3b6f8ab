import { TracerError } from "@tracer/core";
import type { TemplateBook } from "@tracer/detect";
import type { SeriesDirectory } from "@tracer/ingest";
import type { Frame } from "./snapshot-file.ts";

/** A frame is complete at this many characters: its making is what holds up everything else. */
const FRAME_CHARS = 128 * 1024;

/**
 * The templates of all services, in frames. Each service goes with its names, because its slot may have
 * changed hands since the names were written.
 */
export function* templateFrames(book: TemplateBook, directory: SeriesDirectory): Generator<Frame> {
  let texts: string[] = [];
  let chars = 0;
  for (const slot of book.slots()) {
    const key = directory.key(slot);
    const saved = book.saveSlot(slot);
    if (key === undefined || saved === null) continue;
    const text = JSON.stringify([slot, key.project, key.environment, key.service, saved]);
    texts.push(text);
    chars += text.length;
    if (chars < FRAME_CHARS) continue;
    yield frameOf(texts);
    texts = [];
    chars = 0;
  }
  if (texts.length > 0) yield frameOf(texts);
}

function frameOf(texts: readonly string[]): Frame {
  return { kind: "templates", bytes: new TextEncoder().encode(`[${texts.join(",")}]`) };
}

/**
 * Takes over one frame, after all names. What belongs to nobody now is left out.
 *
 * @throws TracerError SNAPSHOT_INVALID: it is not what `templateFrames` makes.
 */
export function loadTemplates(
  book: TemplateBook,
  directory: SeriesDirectory,
  bytes: Uint8Array,
): void {
  for (const entry of entriesOf(bytes)) {
    const [slot, project, environment, service, saved] = Array.isArray(entry) ? entry : [];
    if (typeof slot !== "number") throw invalid();
    const key = directory.key(slot);
    const isSame =
      key?.project === project && key?.environment === environment && key?.service === service;
    if (isSame && key !== undefined) book.loadSlot(slot, saved);
  }
}

function entriesOf(bytes: Uint8Array): readonly unknown[] {
  try {
    const entries: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (Array.isArray(entries)) return entries;
  } catch (cause) {
    throw invalid(cause);
  }
  throw invalid();
}

function invalid(cause?: unknown): TracerError {
  const message = "The snapshot cannot be used: its templates cannot be read.";
  return new TracerError("SNAPSHOT_INVALID", message, { cause });
}
