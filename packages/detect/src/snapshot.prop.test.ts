import { CountDeltas, STEP_MS, TracerError } from "@tracer/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import { Detector } from "./detector.ts";
import {
  DAY,
  Feed,
  HOUR,
  MINUTE,
  MONDAY_MS,
  NOON_MS,
  notFinite,
  poisson,
  SECOND,
  seeded,
} from "./feed.test-helper.ts";
import { RULES } from "./options.ts";
import { restored, savedParts } from "./snapshot.test-helper.ts";

const SLOTS = 6;
const MINUTES = 25;

interface Scene {
  readonly seed: number;
  readonly cuts: readonly number[];
  readonly faultFrom: number;
  readonly faultSeconds: number;
  readonly quietFrom: number;
  readonly quietSeconds: number;
}

const scene = fc.record({
  seed: fc.integer({ min: 1, max: 1_000_000 }),
  cuts: fc.array(fc.integer({ min: 1, max: MINUTES * 60 - 1 }), { minLength: 1, maxLength: 4 }),
  faultFrom: fc.integer({ min: 300, max: 900 }),
  faultSeconds: fc.integer({ min: 30, max: 400 }),
  quietFrom: fc.integer({ min: 200, max: 1_300 }),
  quietSeconds: fc.integer({ min: 0, max: 200 }),
});

/** Everything a detector says about traffic with a fault, a pause of everybody and a seven-hour past. */
function play(given: Scene, cutAt: ReadonlySet<number>): { said: unknown[]; openAtCut: number } {
  const options = { rules: RULES };
  let detector = new Detector(options);
  const random = seeded(given.seed);
  const deltas = new CountDeltas();
  const said: unknown[] = [];
  let openAtCut = 0;
  for (let step = -2_520; step < 0; step += 1) {
    for (let slot = 0; slot < SLOTS - 1; slot += 1) {
      deltas.add(slot, NOON_MS + step * STEP_MS, 2, Number.NaN, 3 + ((step * (slot + 3)) & 3));
    }
  }
  detector.observe(deltas, NOON_MS);
  for (let second = 0; second < MINUTES * 60; second += 1) {
    const nowMs = NOON_MS + second * SECOND;
    const quiet = second - given.quietFrom;
    deltas.clear();
    for (let slot = 0; slot < SLOTS && !(quiet >= 0 && quiet < given.quietSeconds); slot += 1) {
      const faulty = second >= given.faultFrom && second < given.faultFrom + given.faultSeconds;
      const silent = faulty && slot === 1;
      const records = silent ? 0 : poisson(slot === 2 && faulty ? 4 : 0.5, random);
      const level = faulty && slot === 0 && random() < 0.5 ? 4 : 2;
      if (records > 0) deltas.add(slot, nowMs - slot * 3_000, level, Number.NaN, records);
    }
    detector.observe(deltas, nowMs + SECOND);
    detector.tick(nowMs + SECOND);
    said.push(...detector.takeTransitions());
    if (cutAt.has(second)) {
      openAtCut += detector.openSignals().length;
      const parts = savedParts(detector);
      detector = restored(parts, options);
      expect(detector.saveHead()).toEqual(parts[0]);
      detector.resume(nowMs + SECOND); // Nobody was away: this must change nothing.
    }
  }
  const slots = Array.from({ length: SLOTS }, (_, slot) => slot);
  said.push(slots.map((slot) => [detector.explain(slot), detector.bucketsOf(slot, 60)]));
  said.push(detector.openSignals().map(({ slot, kind, onsetMs }) => [slot, kind, onsetMs]));
  return { said, openAtCut };
}

test("cut anywhere, also within an incident, and restored: the same transitions as without a cut", () => {
  let openAtCut = 0;
  fc.assert(
    fc.property(scene, (given) => {
      const whole = play(given, new Set());
      const cut = play(given, new Set(given.cuts));
      expect(cut.said).toEqual(whole.said);
      openAtCut += cut.openAtCut;
    }),
    { seed: 20_260_105, numRuns: 25 },
  );
  expect(openAtCut).toBeGreaterThan(10); // Else no cut fell into an incident.
});

const SLOW_AT_MS = MONDAY_MS + 2.25 * DAY;
const SLOW_MS = 2 * HOUR;
const END_MS = SLOW_AT_MS + 4 * HOUR;

/**
 * Two and a half days of a small, a middle and a silent-at-night service, a batch each night, and a latency
 * incident on the third; cut and restored at each of `cutsMs`.
 */
function playDays(seed: number, cutsMs: readonly number[]): { said: unknown[]; openAtCut: number } {
  const feed = new Feed({ seed });
  const said: unknown[] = [];
  let detector = feed.detector;
  let openAtCut = 0;
  let fromMs = MONDAY_MS;
  for (const toMs of [...cutsMs, END_MS]) {
    const part = new Feed({ detector });
    part.random = feed.random; // The same luck goes on: only the detector is another.
    part.follow(fromMs, toMs - fromMs, (atMs) => {
      const hour = ((atMs - MONDAY_MS) % DAY) / HOUR;
      const curve = 1 + 0.7 * Math.cos((2 * Math.PI * (hour - 14)) / 24);
      const slow = atMs >= SLOW_AT_MS && atMs < SLOW_AT_MS + SLOW_MS ? 3 : 1;
      return [
        { slot: 0, perMinute: 4 * curve, latencyMs: 900 * slow },
        { slot: 1, perMinute: (hour < 0.2 ? 3 : 1) * 200 * curve, latencyMs: 5 * slow },
        { slot: 2, perMinute: hour < 6 ? 0 : 40, errorShare: 0.03 },
      ];
    });
    said.push(...part.transitions);
    fromMs = toMs;
    if (toMs === END_MS) break;
    openAtCut += detector.openSignals().filter(({ kind }) => kind === "latency").length;
    const parts = savedParts(detector);
    detector = restored(parts, {});
    expect(detector.saveHead()).toEqual(parts[0]);
    detector.resume(toMs - 1); // When the last batch came: nobody was away.
  }
  detector.tickTo(END_MS + 5 * MINUTE);
  said.push(...detector.takeTransitions(), detector.openSignals());
  said.push([0, 1, 2].map((slot) => [detector.explain(slot), detector.bucketsOf(slot, 60)]));
  // No step is open any more: not a number of all that is remembered differs.
  said.push(savedParts(detector).slice(1));
  return { said, openAtCut };
}

const stepsOf = (ms: number) => Math.floor(ms / STEP_MS);
const cutsOfDays = fc
  .tuple(
    fc.integer({ min: 1, max: stepsOf(SLOW_AT_MS - MONDAY_MS) }),
    fc.integer({ min: 15, max: stepsOf(SLOW_MS) - 1 }),
    fc.integer({ min: 15, max: stepsOf(SLOW_MS) - 1 }),
  )
  .map(([early, ...late]) => [
    MONDAY_MS + early * STEP_MS,
    ...[...new Set(late)].sort((a, b) => a - b).map((step) => SLOW_AT_MS + step * STEP_MS),
  ]);

test.each([1, 2])(
  "cut in a day and twice in a latency incident: as without a cut (seed %s)",
  (seed) => {
    const whole = playDays(seed, []);
    const latencies = whole.said.filter(isLatency);
    expect(latencies.length).toBeGreaterThanOrEqual(4); // Two services: each opens and ends.
    expect(notFinite(whole.said.slice(0, -1))).toEqual([]);
    let openAtCut = 0;
    fc.assert(
      fc.property(cutsOfDays, (cutsMs) => {
        const cut = playDays(seed, cutsMs);
        expect(cut.said).toEqual(whole.said);
        openAtCut += cut.openAtCut;
      }),
      { seed: 20_260_105, numRuns: 3 },
    );
    expect(openAtCut).toBeGreaterThan(4);
  },
);

function isLatency(said: unknown): boolean {
  if (typeof said !== "object" || said === null || !("signal" in said)) return false;
  const { signal } = said;
  return (
    typeof signal === "object" && signal !== null && "kind" in signal && signal.kind === "latency"
  );
}

const change = fc.record({
  part: fc.nat(),
  at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  kind: fc.constantFrom("byte", "cut", "float", "float", "int"),
  value: fc.oneof(
    fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -1, 0, 1e29, -1e29, 2 ** 31 - 1),
    fc.double(),
  ),
});

test("a snapshot of what was restored is the same snapshot", () => {
  const once = savedParts(busyDetector());
  // Twice: the open steps of a service come back in the reverse order, which nobody can see.
  const twice = savedParts(restored(savedParts(restored(once, {})), {}));
  expect(once.length).toBeGreaterThan(1);
  expect(twice).toEqual(once);
});

test("whatever is written over a snapshot: refused as invalid, or it goes on without a failure", () => {
  const base = busyDetector();
  let refused = 0;
  let taken = 0;
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
      const parts = savedParts(base).map((part) => part.slice());
      for (const { part, at, kind, value } of changes) {
        const index = part % parts.length;
        const bytes = parts[index] ?? new Uint8Array(0);
        if (kind === "cut") parts[index] = bytes.slice(0, Math.floor(at * bytes.length));
        else if (bytes.length >= 16) spoil(bytes, at, kind, value);
      }
      try {
        const detector = restored(parts, {});
        detector.resume(NOON_MS + 4_000 * SECOND);
        goOn(detector, NOON_MS + 4_000 * SECOND);
        taken += 1;
      } catch (error) {
        expect(error).toBeInstanceOf(TracerError);
        expect(error).toMatchObject({ code: "SNAPSHOT_INVALID" });
        refused += 1;
      }
    }),
    { seed: 20_260_106, numRuns: 400 },
  );
  expect(refused).toBeGreaterThan(50);
  expect(taken).toBeGreaterThan(50);
});

function spoil(bytes: Uint8Array, at: number, kind: string, value: number): void {
  const view = new DataView(bytes.buffer);
  const offset = Math.floor((at * (bytes.length - 8)) / 8) * 8;
  if (kind === "float") view.setFloat64(offset, value, true);
  else if (kind === "int") view.setInt32(offset, value, true);
  else bytes[offset] = value;
}

/** Three services, one with an open error signal, one with open steps only. */
function busyDetector(): Detector {
  const detector = new Detector();
  const deltas = new CountDeltas();
  for (let second = 0; second < 3_700; second += 10) {
    deltas.clear();
    const failing = second > 3_500;
    deltas.add(0, NOON_MS + second * SECOND, failing ? 4 : 2, Number.NaN, 20);
    deltas.add(1, NOON_MS + second * SECOND, 2, Number.NaN, 5);
    if (second > 3_690) deltas.add(2, NOON_MS + second * SECOND, 2, Number.NaN, 5);
    detector.observe(deltas, NOON_MS + (second + 1) * SECOND);
    detector.tick(NOON_MS + (second + 1) * SECOND);
  }
  detector.takeTransitions();
  expect(detector.openSignals().map(({ kind }) => kind)).toEqual(["error"]);
  return detector;
}

function goOn(detector: Detector, fromMs: number): void {
  const deltas = new CountDeltas();
  for (let second = 0; second < 120; second += 5) {
    deltas.clear();
    for (let slot = 0; slot < 3; slot += 1) {
      deltas.add(slot, fromMs + second * SECOND, slot === 0 ? 4 : 2, Number.NaN, 10);
    }
    detector.observe(deltas, fromMs + second * SECOND);
    detector.tick(fromMs + second * SECOND);
    detector.takeTransitions();
    detector.openSignals();
  }
  detector.idleSlots(fromMs);
}
