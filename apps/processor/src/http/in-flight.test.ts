import { expect, test } from "vitest";
import { InFlight, SLOW_MS } from "./in-flight.ts";

test("the budget holds exactly what it says, and one byte more is refused whole", () => {
  const inFlight = new InFlight({ bytesMax: 100 });
  const first = inFlight.admit(60);
  first.grow(40);
  expect(inFlight.bytes).toBe(100);
  expect(() => inFlight.admit(1)).toThrow(/Nothing of this batch was taken/);
  expect(() => first.grow(1)).toThrow(/Nothing of this batch was taken/);
  expect(inFlight.bytes).toBe(100);
});

test("what is given back can be taken again, and giving it back twice changes nothing", () => {
  const inFlight = new InFlight({ bytesMax: 100 });
  const first = inFlight.admit(100);
  first.release();
  first.release();
  expect(inFlight.bytes).toBe(0);
  expect(inFlight.admit(100)).toBeDefined();
});

test("closed, it admits nothing more, but what was admitted may grow", () => {
  const inFlight = new InFlight({ bytesMax: 100 });
  const first = inFlight.admit(10);
  inFlight.close();
  expect(() => inFlight.admit(1)).toThrow(/stopping/);
  first.grow(20);
  expect(inFlight.bytes).toBe(30);
});

test("the slowest body gives way when there is no room, a quick one and a young one do not", () => {
  let nowMs = 0;
  const inFlight = new InFlight({ bytesMax: 1_000_000, monotonicMs: () => nowMs });
  const told: string[] = [];
  const reading = (name: string, bytes: number) => {
    const share = inFlight.admit(bytes);
    share.beginReading(() => told.push(name));
    share.came(bytes);
    return share;
  };
  reading("trickles", 300_000);
  const quick = reading("quick", 300_000);
  nowMs = SLOW_MS - 1;
  expect(() => inFlight.admit(500_000)).toThrow(/waiting/); // Nobody is slow yet.
  nowMs = 4 * SLOW_MS;
  quick.came(2_000_000);
  reading("young", 300_000);
  expect(inFlight.admit(200_000).bytes).toBe(200_000);
  expect(told).toEqual(["trickles"]);
  expect(inFlight.bytes).toBe(800_000);
  expect(() => inFlight.admit(300_000)).toThrow(/waiting/);
});

test("a body that is read gives way to nobody, and one that was cut holds nothing", () => {
  let nowMs = 0;
  const inFlight = new InFlight({ bytesMax: 100, monotonicMs: () => nowMs });
  const share = inFlight.admit(100);
  share.beginReading(() => share.release());
  share.endReading();
  nowMs = 10 * SLOW_MS;
  expect(() => inFlight.admit(1)).toThrow(/waiting/);
  share.beginReading(() => share.release());
  nowMs = 20 * SLOW_MS;
  expect(inFlight.admit(100).bytes).toBe(100);
  share.release();
  expect(inFlight.bytes).toBe(100);
});

test("a body that brought much and then stopped gives way after two looks", () => {
  let nowMs = 0;
  const inFlight = new InFlight({ bytesMax: 10_000_000, monotonicMs: () => nowMs });
  const share = inFlight.admit(10_000_000);
  let told = 0;
  share.beginReading(() => (told += 1));
  share.came(10_000_000);
  nowMs = SLOW_MS;
  expect(() => inFlight.admit(1)).toThrow(/waiting/);
  nowMs = 2 * SLOW_MS;
  expect(inFlight.admit(1).bytes).toBe(1);
  expect(told).toBe(1);
});
