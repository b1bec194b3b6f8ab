import { describe, expect, test } from "vitest";
import { OTHER_NAME, SeriesDirectory } from "./directory.ts";
import { cleanName, NAME_BYTES_MAX } from "./names.ts";

const EMPTY = new Uint8Array(0);

function key(service: string, environment = "", project = "default") {
  return { project, environment, service };
}

function internService(directory: SeriesDirectory, service: string | Uint8Array): number {
  const bytes = typeof service === "string" ? Buffer.from(service) : service;
  return directory.internBytes(directory.project("default"), EMPTY, 0, 0, bytes, 0, bytes.length);
}

describe("slots", () => {
  test("a series keeps its slot, however it is named", () => {
    const directory = new SeriesDirectory();
    const slot = directory.intern(key("api", "prod"));
    const bytes = Buffer.from("xxapiprodxx");
    const projectId = directory.project("default");
    expect(directory.internBytes(projectId, bytes, 5, 9, bytes, 2, 5)).toBe(slot);
    expect(directory.find(key("api", "prod"))).toBe(slot);
    expect(directory.key(slot)).toEqual(key("api", "prod"));
    expect(directory.size).toBe(1);
  });

  test("project, environment and service are kept apart", () => {
    const directory = new SeriesDirectory();
    const keys = [
      key("a", "b", "c"),
      key("ab", "", "c"),
      key("", "ab", "c"),
      key("b", "a", "c"),
      key("a", "b", "d"),
    ];
    const slots = keys.map((each) => directory.intern(each));
    expect(slots).toEqual([0, 1, 2, 3, 4]);
    expect(slots.map((slot) => directory.key(slot))).toEqual(keys);
    expect(directory.find(key("x"))).toBe(-1);
    expect(directory.find(key("a", "b", "nobody"))).toBe(-1);
    expect(directory.key(5)).toBeUndefined();
    expect(directory.key(-1)).toBeUndefined();
  });

  test("a released slot is empty, then given to the next", () => {
    const directory = new SeriesDirectory();
    const slots = ["a", "b", "c"].map((service) => directory.intern(key(service)));
    directory.release(slots[1] ?? -1);
    directory.release(slots[1] ?? -1); // A second time changes nothing.
    expect(directory.key(1)).toBeUndefined();
    expect(directory.find(key("b"))).toBe(-1);
    expect(directory.size).toBe(2);
    expect(directory.intern(key("d", "staging"))).toBe(1);
    expect(directory.key(1)).toEqual(key("d", "staging"));
    expect(directory.slotEnd).toBe(3);
  });

  test("names come and go for long: every lookup stays right and the size bounded", () => {
    const directory = new SeriesDirectory({ seriesMax: 500 });
    const live = new Map<string, number>();
    let turn = 1;
    for (let round = 0; round < 20_000; round += 1) {
      turn = (Math.imul(turn, 1_103_515_245) + 12_345) & 0x7fffffff; // Fixed seed: 1.
      const service = `s${turn % 900}`;
      const known = live.get(service);
      if (known !== undefined && turn % 3 === 0) {
        directory.release(known);
        live.delete(service);
      } else if (known !== undefined || live.size < 500) {
        const slot = internService(directory, service);
        if (known !== undefined) expect(slot).toBe(known);
        live.set(service, slot);
      }
    }
    expect(directory.size).toBe(live.size);
    expect(directory.slotEnd).toBeLessThanOrEqual(500);
    expect(new Set(live.values()).size).toBe(live.size);
    for (const [service, slot] of live) expect(directory.key(slot)?.service).toBe(service);
  });
});

describe("bounds", () => {
  test("at seriesMax a known series is found, a new one goes to (other) of its project", () => {
    const directory = new SeriesDirectory({ seriesMax: 2 });
    const a = directory.intern(key("a"));
    directory.intern(key("b"));
    expect(directory.overflowed).toBe(0);
    const other = directory.intern(key("c", "prod"));
    expect(directory.key(other)).toEqual(key(OTHER_NAME));
    expect(internService(directory, "d")).toBe(other);
    expect(directory.overflowed).toBe(2);
    expect(internService(directory, "a")).toBe(a);
    expect(directory.overflowed).toBe(2);
    const theirs = directory.intern(key("c", "", "theirs"));
    expect(directory.key(theirs)).toEqual(key(OTHER_NAME, "", "theirs"));
    directory.release(a);
    expect(directory.key(directory.intern(key("e")))?.service).toBe("e");
  });

  test("(other) may go and come back", () => {
    const directory = new SeriesDirectory({ seriesMax: 1 });
    directory.intern(key("a"));
    const other = directory.intern(key("b"));
    directory.release(other);
    expect(directory.size).toBe(1);
    expect(directory.key(directory.intern(key("c")))?.service).toBe(OTHER_NAME);
    expect(directory.size).toBe(2);
  });

  test("at projectsMax a new project is counted under project (other)", () => {
    const directory = new SeriesDirectory({ seriesMax: 2, projectsMax: 3 });
    const names = ["a", "b", "c", "d", "a"];
    const slots = names.map((project) => directory.intern(key("api", "", project)));
    for (const project of names) directory.intern(key("more", "", project));
    expect(directory.slotEnd).toBe(5); // Two series, and an (other) in each of three projects.
    expect(slots.map((slot) => directory.key(slot)?.project)).toEqual([
      ...["a", "b", OTHER_NAME, OTHER_NAME, "a"],
    ]);
  });

  test("a million names: memory stays at what seriesMax allows", () => {
    const directory = new SeriesDirectory({ seriesMax: 10_000 });
    const bytes = Buffer.alloc(16, "service-00000000");
    const before = process.memoryUsage().arrayBuffers;
    for (let name = 0; name < 1_000_000; name += 1) {
      bytes.write(String(name).padStart(8, "0"), 8);
      internService(directory, bytes);
    }
    expect(directory.size).toBe(10_001);
    expect(directory.slotEnd).toBe(10_001);
    expect(directory.overflowed).toBe(990_000);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32e6);
  }, 60_000);
});

describe("names", () => {
  test("200 bytes stay, 201 are clipped with a hash; long names that differ stay different", () => {
    const directory = new SeriesDirectory();
    const fits = "s".repeat(NAME_BYTES_MAX);
    expect(directory.key(internService(directory, fits))?.service).toBe(fits);
    const long = internService(directory, `${fits}1`);
    const name = directory.key(long)?.service ?? "";
    expect(name).toMatch(/^s{187}~[0-9a-f]{12}$/);
    expect(internService(directory, `${fits}1`)).toBe(long);
    expect(internService(directory, `${fits}2`)).not.toBe(long);
    expect(directory.find(key(`${fits}1`))).toBe(long);
  });

  test("clipping never halves a character", () => {
    for (const letter of ["ü", "日", "🦊"]) {
      const name = cleanName(`x${letter.repeat(150)}`);
      expect(Buffer.byteLength(name)).toBeLessThanOrEqual(NAME_BYTES_MAX);
      expect(name).not.toContain("\uFFFD");
    }
  });

  test.each([
    ["a\u0000b", "a\uFFFDb"],
    ["a\nb\u007f", "a\uFFFDb\uFFFD"],
    ["a\u0085", "a\uFFFD"],
    ["\u202eapi\u2066", "\uFFFDapi\uFFFD"],
    ["a\u200bb\ufeff", "a\uFFFDb\uFFFD"],
    ["a\u2028b", "a\uFFFDb"],
    ["a\ud800b", "a\uFFFDb"],
    ["Zürich 日本 🦊", "Zürich 日本 🦊"],
    [" \u3000 ", "\uFFFD"],
    ["", ""],
  ])("%j is kept as %j", (raw, expected) => {
    const directory = new SeriesDirectory();
    expect(directory.key(directory.intern(key(raw, raw)))).toEqual(key(expected, expected));
  });

  test("bytes that are not UTF-8 are replaced, and found again", () => {
    const directory = new SeriesDirectory();
    const slot = internService(directory, Uint8Array.of(0x61, 0xff, 0x62));
    expect(directory.key(slot)?.service).toBe("a\uFFFDb");
    expect(internService(directory, Uint8Array.of(0x61, 0xff, 0x62))).toBe(slot);
    expect(directory.size).toBe(1);
  });
});
