import { expect, test } from "vitest";
import { InFlight } from "./in-flight.ts";

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
