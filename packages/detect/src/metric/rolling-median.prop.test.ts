import fc from "fast-check";
import { expect, test } from "vitest";
import { RollingMedian } from "./rolling-median.ts";

test("agrees with sorting the last rows, at every row", () => {
  const values = fc.array(fc.oneof(fc.integer({ min: -4, max: 4 }), fc.double({ noNaN: true })), {
    maxLength: 80,
  });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9 }), values, (rowsMax, given) => {
      const rolling = new RollingMedian(rowsMax);
      for (const [row, value] of given.entries()) {
        rolling.learn(value);
        const window = given.slice(Math.max(0, row + 1 - rowsMax), row + 1).sort((a, b) => a - b);
        const half = window.length >> 1;
        const upper = window[half] ?? 0;
        const lower = window.length % 2 === 1 ? upper : (window[half - 1] ?? 0);
        const [low, high] = [Math.min(lower, upper), Math.max(lower, upper)];
        expect(rolling.median >= low || !Number.isFinite(high - low)).toBe(true);
        if (window.length % 2 === 1) expect(rolling.median === upper).toBe(true);
        else if (Number.isFinite(high - low)) {
          expect(rolling.median).toBe(low + (high - low) / 2);
        }
      }
    }),
    { seed: 43, numRuns: 200 },
  );
});
