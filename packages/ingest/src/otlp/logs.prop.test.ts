import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeOtlp } from "./test-decode.ts";
import { expectedRows } from "./test-oracle.ts";
import { otlpTypes } from "./test-proto.ts";
import { logsRequests } from "./test-requests.ts";

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
    { seed: SEED, numRuns: 1_500 },
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
    { seed: SEED, numRuns: 1_500 },
  );
});
