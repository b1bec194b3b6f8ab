import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeOtlp } from "./decode.test-helper.ts";
import { expectedRows } from "./oracle.test-helper.ts";
import { otlpTypes } from "./proto.test-helper.ts";
import { logsRequests } from "./requests.test-helper.ts";

const SEED = 20_261_123;
const { encodeLogs, decodeLogs } = otlpTypes();
const slices = fc.constantFrom(Number.POSITIVE_INFINITY, 1, 7, 64);

test("protobuf: rows are what protobufjs reads, in any slices", () => {
  fc.assert(
    fc.property(logsRequests, slices, (request, sliceBytes) => {
      const bytes = encodeLogs(request);
      const { rows, report, fatal } = decodeOtlp(bytes, sliceBytes);
      expect(fatal).toBeNull();
      expect(report.rejected).toBe(0);
      expect(rows).toEqual(expectedRows(decodeLogs(bytes)));
    }),
    { seed: SEED, numRuns: 600 },
  );
});

test("JSON: rows are what JSON.parse reads, in any slices", () => {
  fc.assert(
    fc.property(logsRequests, slices, fc.constantFrom(0, 1), (request, sliceBytes, space) => {
      const text = JSON.stringify(request, null, space);
      const { rows, report, fatal } = decodeOtlp(text, sliceBytes);
      expect(fatal).toBeNull();
      expect(report.rejected).toBe(0);
      expect(rows).toEqual(expectedRows(JSON.parse(text)));
    }),
    { seed: SEED, numRuns: 600 },
  );
});
test("spoilt bytes: always an end, and what protobufjs writes the same again is read the same", () => {
  const edits = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), {
    ...{ minLength: 1, maxLength: 4 },
  });
  let canonical = 0;
  fc.assert(
    fc.property(logsRequests, edits, slices, (request, changes, sliceBytes) => {
      const bytes = Uint8Array.from(encodeLogs(request));
      for (const [at, byte] of changes) if (bytes.length > 0) bytes[at % bytes.length] = byte;
      const { rows, report } = decodeOtlp(bytes, sliceBytes);
      expect(rows).toHaveLength(report.accepted);
      const again = rewritten(bytes);
      if (again === null || Buffer.compare(again, bytes) !== 0) return;
      canonical += 1;
      expect(rows).toEqual(expectedRows(decodeLogs(bytes)));
    }),
    { seed: SEED, numRuns: 600 },
  );
  expect(canonical).toBeGreaterThan(50);
});

function rewritten(bytes: Uint8Array): Uint8Array | null {
  try {
    return encodeLogs(decodeLogs(bytes));
  } catch {
    return null;
  }
}
