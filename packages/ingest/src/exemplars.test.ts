import { describe, expect, test } from "vitest";
import { SeriesDirectory } from "./directory.ts";
import {
  EXEMPLAR_BYTES_MAX,
  EXEMPLARS_PER_BATCH_MAX,
  EXEMPLARS_PER_SLOT_MAX,
  ExemplarRings,
} from "./exemplars.ts";
import { createLogsDecoder } from "./logs.ts";
import { RECEIPT_MS } from "./test-decode.ts";

function collect(
  rings: ExemplarRings,
  records: readonly unknown[],
  directory = new SeriesDirectory(),
) {
  const bytes = Buffer.from(
    records.map((each) => (typeof each === "string" ? each : JSON.stringify(each))).join("\n"),
  );
  const projectId = directory.project("p");
  const decoder = createLogsDecoder(
    bytes,
    { directory, projectId, defaultService: "s", receiptMs: RECEIPT_MS },
    (batch) => rings.collect(batch, bytes),
  );
  while (!decoder.advance(1e9));
}

function textsOf(rings: ExemplarRings, slot = 0, sinceMs = 0): string[] {
  return rings.take(slot, sinceMs).map((line) => line.text);
}

describe("which lines are kept", () => {
  test("errors and fatals before warnings, newest first, nothing milder", () => {
    const rings = new ExemplarRings();
    collect(rings, [
      { ts: 1, level: "warn", msg: "w" },
      { ts: 2, msg: "i" },
    ]);
    expect(textsOf(rings)).toEqual(["w"]);
    collect(rings, [
      { ts: 3, level: "error", msg: "e" },
      { ts: 4, level: "fatal", msg: "f" },
    ]);
    expect(textsOf(rings)).toEqual(["f", "e"]);
    expect(rings.take(0, 0)[0]).toEqual({ timestampMs: 4000, level: 5, text: "f" });
    expect(textsOf(rings, 0, 3500)).toEqual(["f"]);
    expect(textsOf(rings, 0, 9000)).toEqual([]);
    expect(textsOf(rings, 7)).toEqual([]);
  });

  test("so many a step and a slot, whatever the flood; the next step brings newer ones", () => {
    const rings = new ExemplarRings();
    const flood = (ts: number) =>
      Array.from({ length: 1000 }, (_, at) => ({ ts, level: "error", msg: `${ts} ${at}` }));
    collect(rings, flood(100));
    expect(textsOf(rings)).toHaveLength(EXEMPLARS_PER_SLOT_MAX);
    collect(rings, [...flood(101), ...flood(99)]); // The same step, and an older one: nothing more.
    expect(textsOf(rings).every((text) => text.startsWith("100 "))).toBe(true);
    collect(rings, flood(110));
    expect(textsOf(rings).every((text) => text.startsWith("110 "))).toBe(true);
  });

  test("one batch takes so many lines over all services", () => {
    const rings = new ExemplarRings();
    const directory = new SeriesDirectory();
    const record = (_: unknown, at: number) => ({
      ts: 1,
      level: "error",
      service: `s${at}`,
      msg: "x",
    });
    collect(rings, Array.from({ length: EXEMPLARS_PER_BATCH_MAX + 1 }, record), directory);
    expect(textsOf(rings, EXEMPLARS_PER_BATCH_MAX - 1)).toEqual(["x"]);
    expect(textsOf(rings, EXEMPLARS_PER_BATCH_MAX)).toEqual([]);
  });

  test("beyond the bytes allowed, the slots untouched longest lose theirs", () => {
    const rings = new ExemplarRings({ bytesMax: 10_000 });
    const directory = new SeriesDirectory();
    for (let at = 0; at < 200; at += 1) {
      collect(
        rings,
        [{ ts: at, level: "error", service: `s${at}`, msg: "x".repeat(500) }],
        directory,
      );
      expect(rings.bytes).toBeLessThanOrEqual(10_000);
    }
    expect(textsOf(rings, 0)).toEqual([]);
    expect(textsOf(rings, 199)).toHaveLength(1);
    rings.release(199);
    expect(textsOf(rings, 199)).toEqual([]);
    for (let slot = 0; slot < 199; slot += 1) rings.release(slot);
    expect(rings.bytes).toBe(0);
  });
});

describe("what is kept of a line", () => {
  test("the message with its escapes resolved; the record itself when it names none", () => {
    const rings = new ExemplarRings();
    collect(rings, [
      '{"ts":1,"level":"error","msg":"a\\n\\u00fc\\"b"}',
      '{"ts":2,"level":"error","x":1}',
    ]);
    expect(textsOf(rings)).toEqual(['{"ts":2,"level":"error","x":1}', 'a\nü"b']);
  });

  test.each([
    ["plain", "x"],
    ["two bytes", "ü"],
    ["four bytes", "🦊"],
  ])("clipped at its bytes, no character halved: %s", (_, letter) => {
    const size = Buffer.byteLength(letter);
    const fits = letter.repeat(Math.floor(EXEMPLAR_BYTES_MAX / size));
    for (const [message, expected] of [
      [fits, fits],
      [fits + letter, fits],
      [`y${fits}`, `y${fits.slice(0, fits.length - letter.length)}`],
    ] as const) {
      const rings = new ExemplarRings();
      collect(rings, [{ ts: 1, level: "error", msg: message }]);
      expect(textsOf(rings)).toEqual([expected]);
    }
  });

  test("no escape is halved, wherever the cut falls", () => {
    for (let before = 0; before < 14; before += 1) {
      for (const unit of ["\\u00fc", "\\n", "\\\\", "\\\\\\u0041"]) {
        const rings = new ExemplarRings();
        const message = `${"x".repeat(EXEMPLAR_BYTES_MAX - before)}${unit.repeat(8)}`;
        collect(rings, [`{"ts":1,"level":"error","msg":"${message}"}`]);
        const text = textsOf(rings)[0] ?? "";
        expect(JSON.parse(`"${message}"`).startsWith(text)).toBe(true);
        expect(text.length).toBeGreaterThanOrEqual(EXEMPLAR_BYTES_MAX - before - 6);
      }
    }
  });
});
