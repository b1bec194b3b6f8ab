import type { Transition } from "@tracer/detect";
import { describe, expect, test } from "vitest";
import { EventTimeRun, HELD_RECORDS_MAX, JUMP_MS_MAX, JUMP_RECORDS_MIN } from "./event-time-run.ts";

const START_MS = Date.UTC(2026, 0, 5);
const HOUR_MS = 3_600_000;
const YEAR_MS = 365 * 24 * HOUR_MS;

function newRun() {
  const decided: Transition[] = [];
  const run = new EventTimeRun({
    ...{ seriesMax: 100, latenessSeconds: 10 },
    onDecided: (transition) => decided.push(transition),
  });
  return { run, decided };
}

function line(atMs: number, level = "info", service = "api"): string {
  return `{"ts":${atMs},"level":"${level}","service":"${service}"}\n`;
}

/** Two hours of 60 records a minute; the share of errors is 0 and for ten minutes a third. */
function withFault(fromMs: number): string[] {
  const lines: string[] = [];
  for (let second = 0; second < 7_200; second += 1) {
    const faulty = second >= 5_400 && second < 6_000 && second % 3 === 0;
    lines.push(line(fromMs + second * 1_000, faulty ? "error" : "info"));
  }
  return lines;
}

function decisionsOf(lines: readonly string[]) {
  const { run, decided } = newRun();
  run.read(Buffer.from(lines.join("")));
  run.end();
  return {
    run,
    decided: decided.map(({ state, signal }) => [state, signal.kind, signal.decidedMs]),
  };
}

describe("kinds of message", () => {
  const say = (atMs: number, level: string, msg: string) =>
    `${JSON.stringify({ ts: atMs, level, service: "api", msg })}\n`;
  const NEW_MS = START_MS + 40 * HOUR_MS + 3_000;
  /** A line a minute, and after 40 hours a new kind among them. */
  const lines = Array.from({ length: 42 * 60 }, (_, minute) => {
    const atMs = START_MS + minute * 60_000;
    const errors = minute % 10 === 0 ? say(atMs, "error", `upstream ${minute} timed out`) : "";
    const isNew = atMs === NEW_MS - 3_000;
    return `${say(atMs, "info", `took ${minute} ms`)}${errors}${isNew ? say(NEW_MS, "error", "disk 7 is full") : ""}`;
  });

  test("a new one is found, decided at the end of its step, with what is known of it", () => {
    const { run, decided } = newRun();
    run.read(Buffer.from(lines.join("")));
    run.end();
    const found = decided.filter(({ signal }) => signal.kind === "template");
    expect(found.map(({ state }) => state)).toEqual(["opened", "resolved"]);
    expect(found[0]?.signal).toMatchObject({
      ...{ severity: "error", onsetMs: NEW_MS - 3_000, decidedMs: NEW_MS + 7_000 },
      evidence: { sentence: 'A new kind of error: "disk <num> is full", once' },
    });
  });

  test("what is decided of the beginning of an input is the beginning of what is decided of all", () => {
    const whole = newRun();
    whole.run.read(Buffer.from(lines.join("")));
    const part = newRun();
    for (const each of lines.slice(0, 40 * 60 + 2)) part.run.read(Buffer.from(each));
    expect(part.decided.length).toBeGreaterThan(0);
    expect(whole.decided.slice(0, part.decided.length)).toEqual(part.decided);
  });

  test("an alert about errors says which messages came, before and since", () => {
    const fault = Array.from({ length: 600 }, (_, second) =>
      say(START_MS + 42 * HOUR_MS + second * 1_000, "error", `payment ${second} was refused`),
    );
    const { run, decided } = newRun();
    run.read(Buffer.from([...lines, ...fault].join("")));
    const error = decided.find(
      ({ state, signal }) => state === "opened" && signal.kind === "error",
    );
    const [first, second] = error?.signal.evidence.templates ?? [];
    expect(first).toMatchObject({ text: "payment <num> was refused", before: 0, isNew: true });
    expect(first?.now).toBeGreaterThan(10);
    expect(second).toBeUndefined();
  });

  test("records that stand for many have no message, and lead to no kind", () => {
    const decided: Transition[] = [];
    const run = new EventTimeRun({
      ...{ seriesMax: 100, latenessSeconds: 10, readCount: true },
      onDecided: (transition) => decided.push(transition),
    });
    run.read(Buffer.from(withFault(START_MS).join("").replaceAll("}", ',"count":7}')));
    expect(run.templates.slots()).toEqual([]);
    expect(decided.some(({ signal }) => signal.kind === "error")).toBe(true);
  });
});

describe("now, in event time", () => {
  const plain = withFault(START_MS);
  const known = decisionsOf(plain);

  test("is found in the records: the fault opens and ends", () => {
    expect(known.decided.map(([state, kind]) => `${state} ${kind}`)).toEqual([
      "opened error",
      "resolved error",
    ]);
  });

  test.each([0, 1, 3_000, 5_500, plain.length])(
    "does not follow one record a year ahead, at position %i",
    (position) => {
      const outlier = line(START_MS + YEAR_MS, "error", "other");
      const { run, decided } = decisionsOf(plain.toSpliced(position, 0, outlier));
      expect(decided).toEqual(known.decided);
      expect([run.future, run.late, run.newestMs]).toEqual([1, 0, known.run.newestMs]);
    },
  );

  test("nor a service whose clock is a year ahead, as long as others speak too", () => {
    const lines = plain.flatMap((each, index) => [
      each,
      line(START_MS + YEAR_MS + index, "error", "x"),
    ]);
    const { run, decided } = decisionsOf(lines);
    expect(decided).toEqual(known.decided);
    expect([run.future, run.newestMs]).toEqual([plain.length, known.run.newestMs]);
  });

  test("nor one that is far behind: it is late", () => {
    const { run, decided } = decisionsOf(plain.toSpliced(0, 0, line(0)));
    expect(decided).toEqual(known.decided);
    expect([run.late, run.oldestMs]).toEqual([1, START_MS]);
  });

  test.each([
    [JUMP_RECORDS_MIN - 1, 0],
    [JUMP_RECORDS_MIN, JUMP_RECORDS_MIN],
  ])("goes over a gap of days when enough records say so: %i", (after, counted) => {
    const { run } = newRun();
    const laterMs = START_MS + 3 * 24 * HOUR_MS;
    const before = plain.slice(0, 100);
    const behind = Array.from({ length: after }, (_, index) => line(laterMs + index * 1_000));
    run.read(Buffer.from([...before, ...behind].join("")));
    expect(run.newestMs > laterMs - 1).toBe(counted > 0);
    run.end();
    expect(run.future).toBe(after - counted);
  });

  test("a jump of a day or less needs nobody's word", () => {
    for (const [jumpMs, future] of [
      [JUMP_MS_MAX, 0],
      [JUMP_MS_MAX + 1, 1],
    ] as const) {
      const lines = [...plain.slice(0, 100), line(START_MS + 99_000 + jumpMs)];
      expect(decisionsOf(lines).run.future).toBe(future);
    }
  });

  test.each([HELD_RECORDS_MAX - 1, HELD_RECORDS_MAX])(
    "what waits to be confirmed is bounded: %i of them",
    (held) => {
      const { run } = newRun();
      const ahead = line(START_MS + YEAR_MS);
      const lines = [...plain.slice(0, 100), ...Array<string>(JUMP_RECORDS_MIN - 1).fill(ahead)];
      // One for and one against, so that it stays undecided.
      for (let index = JUMP_RECORDS_MIN - 1; index < held; index += 1) {
        lines.push(plain[100] ?? "", ahead);
      }
      run.read(Buffer.from([...lines, ahead].join("")));
      const givenUp = held === HELD_RECORDS_MAX;
      expect(run.future).toBe(givenUp ? HELD_RECORDS_MAX : 0);
      expect(run.newestMs === START_MS + YEAR_MS).toBe(!givenUp);
    },
  );

  test("a few records are enough for a beginning, once it is clear that no more come", () => {
    const { run } = newRun();
    run.read(Buffer.from(plain.slice(0, 3).join("")));
    run.end();
    expect([run.future, run.oldestMs, run.newestMs]).toEqual([0, START_MS, START_MS + 2_000]);
  });

  test("a second input may cover the same time as the first", () => {
    const { run, decided } = newRun();
    const quiet = plain.map((each) => each.replace("error", "info").replace("api", "web"));
    run.read(Buffer.from(quiet.join("")));
    run.read(Buffer.from(plain.join("")));
    run.end();
    expect(decided.map(({ state, signal }) => [state, signal.kind, signal.decidedMs])).toEqual(
      known.decided,
    );
    expect(run.late).toBe(0);
  });

  test("records without a time count at the newest one", () => {
    const { run } = decisionsOf([...plain, '{"service":"api"}\n']);
    expect([run.withoutTime, run.accepted]).toEqual([1, plain.length + 1]);
  });
});
