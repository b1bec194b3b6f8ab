import { expect, test } from "vitest";
import { aSignal } from "./fixtures.test-helper.ts";
import { PENDING_MAX, type Pending, PendingSignals } from "./pending-signals.ts";

const NOTHING = { exemplars: [], hasNewText: false, occurrences: 1 } as const;

function keyOf(service: string) {
  return { project: "default", environment: "", service, kind: "error", part: "" } as const;
}

/** Seen at a time, in ms, of a signal that began at another. */
function seen(service: string, atMs: number, options: { onsetMs?: number; critical?: true } = {}) {
  const { onsetMs = 0, critical } = options;
  const signal = aSignal({ severity: critical ? "critical" : "error" });
  const sighting = { signal, seenAtMs: atMs, onsetAtMs: onsetMs };
  return { ...NOTHING, key: keyOf(service), sighting, clear: false } satisfies Pending;
}

function ended(service: string): Pending {
  return { ...NOTHING, occurrences: 0, key: keyOf(service), sighting: null, clear: true };
}

function pendingSignals() {
  return new PendingSignals({ monotonicMs: () => 100_000, receiptMs: () => 5_100_000 });
}

function fill(pending: PendingSignals, count: number): void {
  for (let index = 0; index < count; index += 1) {
    pending.queue(`f${index}`, seen(`s${index}`, 1_000));
  }
}

test("the newest state speaks, with the worst severity, the first onset and every occurrence", () => {
  const pending = pendingSignals();
  pending.queue("f", seen("s", 1_000, { onsetMs: 500, critical: true }));
  pending.queue("f", seen("s", 2_000, { onsetMs: 900 }));
  expect(pending.stateOf("f")).toMatchObject({
    sighting: { severity: "critical", seenMs: 5_002_000, onsetMs: 5_000_500 },
    occurrences: 2,
    clear: false,
  });
  pending.queue("f", ended("s"));
  expect(pending.stateOf("f")).toMatchObject({ sighting: { seenMs: 5_002_000 }, clear: true });
});

test("after its end it is another signal, with an onset of its own", () => {
  const pending = pendingSignals();
  pending.queue("f", seen("s", 1_000, { onsetMs: 500, critical: true }));
  pending.queue("f", ended("s"));
  pending.queue("f", seen("s", 9_000, { onsetMs: 8_000 }));
  expect(pending.stateOf("f")).toMatchObject({
    sighting: { severity: "critical", onsetMs: 5_008_000 },
    clear: false,
  });
});

test("up to PENDING_MAX wait; beyond, the longest ended gives way and is counted", () => {
  const pending = pendingSignals();
  fill(pending, PENDING_MAX);
  pending.queue("f7", ended("s7"));
  pending.queue("f3", ended("s3"));
  expect([pending.size, pending.takeDropped()]).toEqual([PENDING_MAX, 0]);
  pending.queue("new", seen("new", 2_000));
  expect([pending.size, pending.takeDropped()]).toEqual([PENDING_MAX, 1]);
  expect(pending.stateOf("f7")).toBeNull();
  expect(pending.stateOf("f3")).not.toBeNull();
  expect(pending.stateOf("new")).not.toBeNull();
  pending.queue("f5", seen("s5", 3_000)); // What waits already needs no room.
  expect(pending.takeDropped()).toBe(0);
});

test("if none has ended, what is new is not taken, and comes again when there is room", () => {
  const pending = pendingSignals();
  fill(pending, PENDING_MAX);
  pending.queue("new", seen("new", 2_000));
  expect(pending.stateOf("new")).toBeNull();
  expect([pending.size, pending.takeDropped()]).toEqual([PENDING_MAX, 1]);
  pending.take(200);
  pending.settle();
  pending.queue("new", seen("new", 3_000));
  expect(pending.stateOf("new")).not.toBeNull();
});

test("what is being written is neither lost nor doubled", () => {
  const pending = pendingSignals();
  pending.queue("f", seen("s", 1_000));
  const batch = pending.take(10);
  expect(pending.fingerprints()).toEqual(["f"]);
  pending.queue("f", seen("s", 2_000));
  expect(pending.stateOf("f")).toMatchObject({ occurrences: 2 });
  pending.putBack(batch);
  pending.settle();
  expect(pending.stateOf("f")).toMatchObject({ occurrences: 2, sighting: { seenMs: 5_002_000 } });
  pending.take(10);
  pending.settle();
  expect(pending.fingerprints()).toEqual([]);
});

test("only what changed since it was kept is to be kept", () => {
  const pending = pendingSignals();
  fill(pending, 3);
  expect([...pending.takeUnsaved()]).toEqual(["f0", "f1", "f2"]);
  pending.queue("f1", seen("s1", 2_000));
  const again = pending.takeUnsaved();
  expect([...again]).toEqual(["f1"]);
  pending.markUnsaved([...again, "written meanwhile"]);
  expect([...pending.takeUnsaved()]).toEqual(["f1"]);
  pending.queue("f2", seen("s2", 2_000));
  pending.take(10);
  pending.settle();
  expect([...pending.takeUnsaved()]).toEqual([]);
});
