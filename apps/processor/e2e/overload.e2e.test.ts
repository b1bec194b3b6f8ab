import { expect, test } from "vitest";
import { acceptedAtRest, problemsOf } from "./overload/books.ts";
import { sendAsCrowd } from "./overload/crowd.ts";
import { DIALECTS } from "./overload/dialects.ts";
import { startTracerProcess } from "./tracer-process.ts";
import { seeded } from "./traffic.ts";

// Goal: what was acknowledged is counted, whatever is cut and whatever is refused. Method: a slice of `pnpm overload`
// on the real process with the smallest budget: first nobody is cut, and the books agree exactly; then some are.
test("a crowd of mixed dialects over its budget, some cut off: every acknowledged record is counted", async () => {
  await using tracer = await startTracerProcess({
    LOG_LEVEL: "warn",
    INGEST_IN_FLIGHT_BYTES_MAX: String(32 * 1024 * 1024),
  });
  const shared = {
    url: tracer.url,
    dialects: DIALECTS,
    random: seeded(11),
    recordsPerSecond: null,
  };
  const whole = await sendAsCrowd({
    ...{ ...shared, clients: 20, recordsPerBatch: 1_000, cutShare: 0 },
    stop: AbortSignal.timeout(2_000),
  });
  expect(problemsOf(whole, 0, await acceptedAtRest(tracer.url))).toEqual([]);
  expect(whole.unknown).toBe(0);
  const cut = await sendAsCrowd({
    ...{ ...shared, clients: 40, recordsPerBatch: 10_000, cutShare: 0.3 },
    stop: AbortSignal.timeout(4_000),
  });
  const counted = await acceptedAtRest(tracer.url);
  expect(problemsOf(cut, whole.acknowledged, counted)).toEqual([]);
  expect(cut.cutInBody).toBeGreaterThan(0);
  expect(cut.cutInAnswer).toBeGreaterThan(0);
});
