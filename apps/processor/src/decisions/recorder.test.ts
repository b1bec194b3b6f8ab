import { TracerError } from "@tracer/core";
import type { PipelineState, Transition } from "@tracer/detect";
import { type Decision, seriesIdOf } from "@tracer/store";
import { describe, expect, test } from "vitest";
import { aSignal, recordingObserve } from "../fixtures.test-helper.ts";
import { aJudgement, KEY, MINUTE_MS, START_MS } from "./fixtures.test-helper.ts";
import type { Judgement } from "./judgement.ts";
import {
  DecisionRecorder,
  HEARTBEAT_MINUTES,
  HEARTBEATS_PER_ROUND_MAX,
  NOTED_SHARE_MIN,
  PIPELINE_KEY,
  RECORDED_SERVICES_MAX,
  ROWS_PER_ROUND_MAX,
  ROWS_WAITING_MAX,
} from "./recorder.ts";

const STALE_SECONDS = 900;
const LOUD = aJudgement({ state: "watching", peakEvidence: 6 });

interface World {
  services: number;
  judgements: readonly Judgement[];
  pipeline: PipelineState;
  /** What the database does with a statement. */
  database: "there" | "away" | "refuses";
  /** Receipt time; the last closed minute began a minute and a half before. */
  nowMs: number;
}

/** A recorder over services that are all judged alike. `rows` are those of services; the pipeline's have their own test. */
function setUp(given: Partial<World> = {}) {
  const world: World = {
    ...{ services: 1, judgements: [aJudgement()], pipeline: "ok", database: "there" },
    ...{ nowMs: START_MS + 90_000, ...given },
  };
  const written: Decision[] = [];
  const observe = recordingObserve();
  const recorder = new DecisionRecorder({
    ...{ staleSeconds: STALE_SECONDS, observe },
    receiptMs: () => world.nowMs,
    judge: (slot) =>
      slot >= world.services
        ? null
        : { minuteMs: world.nowMs - 90_000, judgements: world.judgements },
    pipeline: () => world.pipeline,
    keyOf: (slot) => ({ ...KEY, service: slot === 0 ? KEY.service : `service-${slot}` }),
    slotEnd: () => world.services,
    write: async (rows) => {
      if (world.database === "away") throw new TracerError("DATABASE_UNAVAILABLE", "away");
      if (world.database === "refuses") throw new Error("22003");
      written.push(...rows);
    },
  });
  /** The rows that each of the next minutes adds. */
  const minutes = async (count: number) => {
    const from = written.length;
    for (let minute = 0; minute < count; minute += 1) {
      world.nowMs += MINUTE_MS;
      await recorder.round();
    }
    return written.slice(from).filter(({ kind }) => kind !== "pipeline");
  };
  return { world, recorder, written, observe, minutes };
}

const dropped = (observe: ReturnType<typeof recordingObserve>) =>
  observe.events.flatMap((event) => (event.name === "decisions_dropped" ? event.count : []));

describe("run lengths", () => {
  test("a calm service costs a row an hour; rows hold its minute and its numbers", async () => {
    const { minutes } = setUp();
    const [first, ...more] = await minutes(1);
    expect(first).toEqual({
      ...aJudgement(),
      series: seriesIdOf(KEY),
      atMs: START_MS + MINUTE_MS,
      unseenFromMs: null,
    });
    expect(more).toEqual([]);
    expect(await minutes(HEARTBEAT_MINUTES - 1)).toEqual([]);
    expect(await minutes(1)).toHaveLength(1);
  });

  test("a minute is looked at once, however often it is asked for", async () => {
    const { recorder, minutes } = setUp({ judgements: [LOUD] });
    expect(await minutes(1)).toHaveLength(1);
    recorder.look(0);
    expect(recorder.waitingOf([seriesIdOf(KEY)])).toEqual([]);
  });

  test("a change of state is a row, and then nothing until the next", async () => {
    const { world, minutes } = setUp();
    await minutes(1);
    world.judgements = [aJudgement({ state: "learning" })];
    expect(await minutes(3)).toMatchObject([{ state: "learning" }]);
    world.judgements = [aJudgement()];
    expect(await minutes(3)).toMatchObject([{ state: "calm" }]);
  });

  test("each minute with a quarter of the bar is a row, one just below it is none", async () => {
    const { world, minutes } = setUp();
    await minutes(1);
    world.judgements = [aJudgement({ peakEvidence: 12 * NOTED_SHARE_MIN })];
    expect(await minutes(3)).toHaveLength(3);
    world.judgements = [aJudgement({ peakEvidence: 12 * NOTED_SHARE_MIN - 0.01 })];
    expect(await minutes(3)).toEqual([]);
  });

  test("an open signal is told by its incident: no row for each of its minutes", async () => {
    const { world, minutes } = setUp();
    await minutes(1);
    world.judgements = [aJudgement({ state: "open", peakEvidence: 30 })];
    expect(await minutes(5)).toMatchObject([{ state: "open" }]);
  });

  test("minutes that nobody looked at are named, from six on", async () => {
    const { world, minutes } = setUp();
    await minutes(1);
    world.nowMs += 4 * MINUTE_MS;
    expect(await minutes(1)).toEqual([]);
    const unseenFromMs = world.nowMs - 30_000;
    world.nowMs += 5 * MINUTE_MS;
    expect(await minutes(1)).toMatchObject([{ unseenFromMs, state: "calm" }]);
  });

  test("a slot that was given to another service starts anew", async () => {
    const { recorder, minutes } = setUp();
    await minutes(1);
    recorder.release(0);
    expect(recorder.isRecorded(0)).toBe(false);
    expect(await minutes(1)).toHaveLength(1);
  });
});

describe("transitions", () => {
  const decidedMs = START_MS + 120_000;
  const signal = aSignal({ slot: 0, decidedMs, lastStepMs: decidedMs + 60_000 });
  const opened: Transition = { state: "opened", reason: "evidence", signal };

  test("an opening and its end are rows of their own times, and the next look adds none", async () => {
    const { world, recorder, minutes } = setUp();
    await minutes(1);
    recorder.take([opened, { ...opened, state: "changed" }]);
    world.judgements = [aJudgement({ state: "open" })];
    const { sentence } = signal.evidence;
    expect(await minutes(1)).toMatchObject([{ state: "open", atMs: decidedMs, why: sentence }]);
    recorder.take([{ ...opened, state: "resolved", reason: "accepted" }]);
    world.judgements = [aJudgement()];
    expect(await minutes(1)).toMatchObject([
      { state: "calm", atMs: signal.lastStepMs, why: expect.stringContaining("new normal") },
    ]);
  });

  test("a signal of the past is stale until its steps reach the present", async () => {
    const { world, recorder } = setUp({ nowMs: decidedMs + STALE_SECONDS * 1_000 });
    const states = () => recorder.waitingOf([seriesIdOf(KEY)]).map(({ state }) => state);
    recorder.take([opened]);
    expect(states()).toEqual(["open"]);
    world.nowMs += 1;
    recorder.take([opened]);
    expect(states()).toEqual(["open", "stale"]);
  });

  test("of the pipeline: what changes is recorded, under a name of its own", async () => {
    const { world, recorder, written, minutes } = setUp({ services: 0, pipeline: "waiting" });
    await minutes(2);
    world.pipeline = "ok";
    await minutes(2);
    world.pipeline = "frozen";
    await minutes(2);
    recorder.take([{ ...opened, signal: { ...signal, slot: -1, kind: "pipeline" } }]);
    world.pipeline = "silent";
    await minutes(2);
    expect(written.map(({ state }) => state)).toEqual(["not_judged", "calm", "not_judged", "open"]);
    expect(new Set(written.map(({ series }) => series))).toEqual(
      new Set([seriesIdOf(PIPELINE_KEY)]),
    );
  });
});

describe("bounds", () => {
  test("one round repeats only so much; the rest comes with the next rounds, and nothing is missed", async () => {
    const services = HEARTBEATS_PER_ROUND_MAX + 200;
    const { observe, minutes } = setUp({ services });
    expect(await minutes(1)).toHaveLength(HEARTBEATS_PER_ROUND_MAX);
    const late = await minutes(1);
    expect(late).toHaveLength(200);
    expect(await minutes(1)).toEqual([]);
    expect(dropped(observe)).toEqual([]);
  });

  test("one round adds no more rows than it may, says what it left out, and starts there next time", async () => {
    const services = ROWS_PER_ROUND_MAX + 200;
    const { observe, minutes } = setUp({ services, judgements: [LOUD] });
    const first = await minutes(1);
    expect(first).toHaveLength(ROWS_PER_ROUND_MAX);
    const second = await minutes(1);
    const left = new Set(first.map(({ series }) => series));
    expect(second.slice(0, 200).some(({ series }) => left.has(series))).toBe(false);
    expect(dropped(observe)).toEqual([200, 200]);
  });

  test("the database is away: rows wait, up to a bound, and are written when it is back", async () => {
    const { world, recorder, written, observe } = setUp({ services: 1_000, judgements: [LOUD] });
    world.database = "away";
    for (let minute = 0; minute < 12; minute += 1) {
      world.nowMs += MINUTE_MS;
      await expect(recorder.round()).rejects.toThrow("away");
    }
    world.database = "there";
    await recorder.flush();
    expect(written).toHaveLength(ROWS_WAITING_MAX);
    expect(dropped(observe).reduce((sum, count) => sum + count, 0)).toBe(
      12 * 1_001 - 11 - ROWS_WAITING_MAX,
    );
  });

  test("rows that the database refuses are dropped and said, and hold up nothing", async () => {
    const { world, recorder, observe, minutes } = setUp({ judgements: [LOUD] });
    world.database = "refuses";
    world.nowMs += MINUTE_MS;
    await expect(recorder.round()).rejects.toThrow("22003");
    world.database = "there";
    expect(await minutes(1)).toHaveLength(1);
    expect(dropped(observe)).toEqual([2]);
  });

  test("so many services are recorded, one more is only judged, until another goes", async () => {
    const { recorder } = setUp({ services: RECORDED_SERVICES_MAX + 1 });
    for (let slot = 0; slot < RECORDED_SERVICES_MAX; slot += 1) recorder.look(slot);
    expect(recorder.look(RECORDED_SERVICES_MAX)).not.toBe(null);
    expect(recorder.isRecorded(RECORDED_SERVICES_MAX)).toBe(false);
    recorder.release(7);
    recorder.look(RECORDED_SERVICES_MAX);
    expect(recorder.isRecorded(RECORDED_SERVICES_MAX)).toBe(true);
  });
});
