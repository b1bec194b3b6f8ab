import { TracerError } from "@tracer/core";
import { TemplateBook } from "@tracer/detect";
import { SeriesDirectory } from "@tracer/ingest";
import { expect, test } from "vitest";
import { loadTemplates, templateFrames } from "./template-frames.ts";
import { teach } from "./templates.test-helper.ts";

const NOON_MS = Date.UTC(2026, 0, 5, 12);
const ERROR = 4;

/** Services that are known, the last of which has an open signal. */
function aWorld(services: number) {
  const directory = new SeriesDirectory();
  const book = new TemplateBook();
  for (let service = 0; service < services; service += 1) {
    const key = { project: "default", environment: "", service: `service-${service}` };
    teach(book, directory.intern(key), NOON_MS);
  }
  book.add(services - 1, NOON_MS, ERROR, "disk quota exceeded");
  book.settle(() => NOON_MS + 10_000);
  book.takeTransitions();
  return { directory, book };
}

test("written and loaded: the same kinds, the same open signals, in frames of a bounded size", () => {
  const { directory, book } = aWorld(100);
  const frames = [...templateFrames(book, directory)];
  expect(frames.length).toBeGreaterThan(1);
  for (const { bytes } of frames) expect(bytes.length).toBeLessThan(256 * 1024);
  const loaded = new TemplateBook();
  for (const { bytes } of frames) loadTemplates(loaded, directory, bytes);
  expect(loaded.openSignals()).toHaveLength(1);
  expect(loaded.openSignals()).toEqual(book.openSignals());
  expect(loaded.bytes).toBe(book.bytes);
  loaded.add(0, NOON_MS, ERROR, "upstream 10.0.0.9 timed out");
  loaded.settle(() => NOON_MS + 10_000);
  expect(loaded.takeTransitions()).toEqual([]);
});

test("a slot that belongs to another by now inherits nothing", () => {
  const { directory, book } = aWorld(2);
  const frames = [...templateFrames(book, directory)];
  directory.release(1);
  expect(directory.intern({ project: "default", environment: "", service: "another" })).toBe(1);
  const loaded = new TemplateBook();
  for (const { bytes } of frames) loadTemplates(loaded, directory, bytes);
  expect(loaded.slots()).toEqual([0]);
});

test.each(["", "{}", "[[]]", '[[0,"default","","service-0",null]]', "[7]", "\u0000"])(
  "%j is refused",
  (text) => {
    const { directory } = aWorld(1);
    const bytes = new TextEncoder().encode(text);
    const load = () => loadTemplates(new TemplateBook(), directory, bytes);
    expect(load).toThrow(TracerError);
    expect(load).toThrow(/^The (detector )?snapshot cannot be used/u);
  },
);
