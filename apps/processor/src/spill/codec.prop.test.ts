import { expect, test } from "vitest";
import { seeded } from "../../e2e/traffic.ts";
import type { PendingState } from "../pending-state.ts";
import { readSpillRecords, recordOf, SPILL_VERSION, spillRecord } from "./codec.ts";
import { aState, SEEN_MS } from "./states.test-helper.ts";

const SEED = 20_261_122;
const ROUNDS = 500;

function generator(seed: number) {
  const random = seeded(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const text = () =>
    String.fromCharCode(...Array.from({ length: below(60) }, () => below(0x10000)));
  /** Services of their own, so that every record is seen in what is read. */
  const states = (): PendingState[] =>
    Array.from({ length: 1 + below(6) }, (_, index) =>
      aState({
        service: `s${index}`,
        occurrences: below(1_000),
        clear: random() < 0.5,
        line: text(),
        severity: random() < 0.5 ? "critical" : "warning",
      }),
    );
  const bytes = (length: number) => Buffer.from(Array.from({ length }, () => below(256)));
  return { below, states, bytes };
}

/** As it comes back from JSON. */
function plain(state: PendingState): unknown {
  return JSON.parse(JSON.stringify(state));
}

test("cut off at every byte: every whole record is read, and nothing else", () => {
  const written = ["a", "b", "c"].map((service) => aState({ service, line: `line of ${service}` }));
  const records = written.map(spillRecord);
  const bytes = Buffer.concat(records);
  const ends = records.map((_, index) => Buffer.concat(records.slice(0, index + 1)).length);
  for (let length = 0; length <= bytes.length; length += 1) {
    const { states: found, damaged } = readSpillRecords(bytes.subarray(0, length));
    const whole = ends.filter((end) => end <= length).length;
    expect(found).toEqual(written.slice(0, whole).map(plain));
    expect(damaged > 0).toBe(length > 0 && !ends.includes(length));
  }
});

test("whatever bytes are damaged: the records that they are not in are read, and nothing is invented", () => {
  const { below, states } = generator(SEED);
  for (let round = 0; round < ROUNDS; round += 1) {
    const written = states();
    const records = written.map(spillRecord);
    const bytes = Buffer.concat(records);
    const hit = new Set<number>();
    for (let flips = 1 + below(4); flips > 0; flips -= 1) {
      const at = below(bytes.length);
      const value = below(256);
      if (bytes[at] !== value) hit.add(at);
      bytes[at] = value;
    }
    let start = 0;
    const whole = written.filter((_, index) => {
      const end = start + (records[index]?.length ?? 0);
      const isWhole = ![...hit].some((at) => at >= start && at < end);
      start = end;
      return isWhole;
    });
    const { states: found, damaged } = readSpillRecords(bytes);
    expect(found, `round ${round} of seed ${SEED}`).toEqual(whole.map(plain));
    expect(damaged > 0).toBe(whole.length < written.length);
  }
});

test("any bytes at all: nothing is invented, and nothing is thrown", () => {
  const { below, bytes } = generator(SEED + 1);
  for (let round = 0; round < ROUNDS; round += 1) {
    expect(readSpillRecords(bytes(below(400))).states).toEqual([]);
  }
});

test("log text that looks like a record is none", () => {
  const inner = spillRecord(aState({ service: "invented" })).toString("latin1");
  const { states: found } = readSpillRecords(spillRecord(aState({ line: inner })).subarray(1));
  expect(found).toEqual([]);
});

test("of one fingerprint the newest state, its worst severity, and no sum of what each holds already", () => {
  const records = [
    aState({ severity: "critical", occurrences: 3 }),
    aState({ severity: "error", occurrences: 9, seenMs: SEEN_MS + 10_000 }),
    aState({ seenMs: null, occurrences: 9, clear: true }),
    aState({ service: "other" }),
  ];
  const { states: found, records: count } = readSpillRecords(
    Buffer.concat(records.map(spillRecord)),
  );
  expect(count).toBe(4);
  expect(found).toMatchObject([
    {
      sighting: { severity: "critical", seenMs: SEEN_MS + 10_000 },
      occurrences: 9,
      clear: true,
    },
    { key: { service: "other" } },
  ]);
});

test("a record of a newer version is told from a damaged one", () => {
  const newer = recordOf(SPILL_VERSION + 1, Buffer.from("what we cannot know"));
  const both = Buffer.concat([spillRecord(aState()), newer]);
  expect(readSpillRecords(both)).toMatchObject({ records: 1, damaged: 1, isNewer: true });
  both[both.length - 1] = 0;
  expect(readSpillRecords(both)).toMatchObject({ records: 1, damaged: 1, isNewer: false });
});

test("whole, and yet nothing that we write: counted as damaged", () => {
  for (const text of ["", "{}", "null", "[1", '{"key":{}}']) {
    const bytes = Buffer.concat([
      recordOf(SPILL_VERSION, Buffer.from(text)),
      spillRecord(aState()),
    ]);
    expect(readSpillRecords(bytes)).toMatchObject({ records: 1, damaged: 1 });
  }
});
