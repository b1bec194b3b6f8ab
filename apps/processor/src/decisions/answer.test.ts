import { type Decision, type IncidentAt, seriesIdOf } from "@tracer/store";
import { describe, expect, test } from "vitest";
import { type AnswerInput, answerOf, withWaiting } from "./answer.ts";
import { aDecision, aJudgement, KEY, MINUTE_MS, START_MS } from "./fixtures.test-helper.ts";
import { PIPELINE_KEY } from "./recorder.ts";

const LOUD = { state: "watching", peakEvidence: 6.1, why: "evidence 6.1 of 12" } as const;

/** What is told of a moment, two hours of recorded calm before it and nothing else. */
function told(given: Partial<AnswerInput> & { readonly before?: Decision[]; after?: Decision[] }) {
  const { before = [aDecision()], after = [], ...rest } = given;
  return answerOf({
    key: KEY,
    atMs: START_MS,
    nowMs: START_MS + 120 * MINUTE_MS,
    kind: null,
    around: { before, after },
    judged: null,
    incidents: [],
    running: true,
    nearest: { beforeMs: START_MS, afterMs: null },
    recorded: true,
    ...rest,
  });
}

const INCIDENT: IncidentAt = {
  ...{ id: "inc_1", kind: "error", part: "", title: "Errors in checkout" },
  ...{ openedMs: START_MS - MINUTE_MS, closedMs: null },
};

describe("the numbers", () => {
  test("of the very minute are told as they were recorded", () => {
    const { decisions } = told({ before: [aDecision(LOUD)], atMs: START_MS + MINUTE_MS - 1 });
    expect(decisions).toEqual([
      {
        ...aJudgement(LOUD),
        ...{ from: new Date(START_MS).toISOString(), to: null, exact: true },
        ...{ unit: "share", incidentId: null },
      },
    ]);
  });

  test("of a calm minute without a row of its own are not known, but small", () => {
    const after = [aDecision({ ...LOUD, atMs: START_MS + 5 * MINUTE_MS })];
    const { decisions, verdict } = told({ atMs: START_MS + MINUTE_MS, after });
    expect(decisions).toMatchObject([
      {
        ...{ exact: false, evidence: null, peakEvidence: null, observed: null, bar: 12 },
        ...{ expectedHigh: 0.04, why: "evidence below a quarter of its bar" },
        to: new Date(START_MS + 5 * MINUTE_MS).toISOString(),
      },
    ]);
    expect(verdict).toBe(
      "Nothing fired: nothing unusual in errors, with less than a quarter of the evidence that it takes.",
    );
  });

  test("of the newest minute come from memory, for every kind", () => {
    const surge = aJudgement({ kind: "volume", part: "surge", observed: 120 });
    const drop = aJudgement({ kind: "volume", part: "drop" });
    const judged = { minuteMs: START_MS, judgements: [drop, surge, aJudgement(LOUD)] };
    const { decisions } = told({ judged });
    expect(decisions).toMatchObject([
      { kind: "error", exact: true, peakEvidence: 6.1 },
      { part: "surge", unit: "records_per_minute", observed: 120 },
      { part: "drop" },
    ]);
    expect(told({ judged, kind: "error" }).decisions).toMatchObject([{ kind: "error" }]);
    expect(told({ judged, atMs: START_MS - 1, before: [] }).decisions).toEqual([]);
  });

  test("rows that wait for the database are told like those that are in it", () => {
    const row = { ...aDecision(), recordedMs: 0 };
    const waiting = [
      aDecision({ ...LOUD, atMs: START_MS + MINUTE_MS }),
      aDecision({ atMs: START_MS + 3 * MINUTE_MS }),
      aDecision({ atMs: START_MS + 4 * MINUTE_MS }),
    ];
    const { before, after } = withWaiting(
      { before: [row], after: [] },
      waiting,
      START_MS + 2 * MINUTE_MS,
    );
    expect([before, after]).toEqual([[waiting[0]], [waiting[1]]]);
  });
});

describe("the verdict", () => {
  test("an incident comes first, with its id", () => {
    const { verdict, decisions, incidents } = told({
      before: [aDecision({ ...LOUD, kind: "latency" }), aDecision({ state: "open" })],
      incidents: [INCIDENT],
    });
    expect(verdict).toBe(
      "Something had fired: “Errors in checkout”, open since 2026-01-05 09:59 UTC (inc_1).",
    );
    expect(decisions.map(({ incidentId }) => incidentId)).toEqual(["inc_1", null]);
    expect(incidents).toMatchObject([{ id: "inc_1", to: null }]);
  });

  test("an incident of another kind is not told when one kind was asked for", () => {
    const volume = aDecision({ ...LOUD, kind: "volume", part: "drop" });
    const { verdict, incidents } = told({
      before: [volume],
      incidents: [INCIDENT],
      kind: "volume",
    });
    expect(incidents).toEqual([]);
    expect(verdict).toContain("volume drop, evidence 6.1 of 12");
  });

  test.each<[string, Decision[], string]>([
    [
      "evidence short of its bar: the closest",
      [aDecision(LOUD), aDecision({ kind: "latency", state: "watching", peakEvidence: 4 })],
      "Nothing fired: closest was errors, evidence 6.1 of 12, 5.9 short of its bar.",
    ],
    [
      "a hold",
      [
        aDecision(LOUD),
        aDecision({
          ...{ kind: "volume", part: "surge", state: "holding", peakEvidence: 20 },
          why: "over the bar for 110 s of the 230 s a surge must last",
        }),
      ],
      "Nothing fired: volume surge was held: over the bar for 110 s of the 230 s a surge must last.",
    ],
    [
      "learning",
      [aDecision({ state: "learning", why: "is learning: 3 h 10 min of 24 h" })],
      "Nothing fired: checkout is learning: 3 h 10 min of 24 h.",
    ],
    [
      "learning of one kind only",
      [aDecision(), aDecision({ kind: "latency", state: "learning", why: "is learning: 2 of 30" })],
      "Nothing fired: nothing unusual in errors, with less than a quarter of the evidence that it takes; latency is still learned.",
    ],
    [
      "calm",
      [aDecision(), aDecision({ kind: "volume", part: "drop" }), aDecision({ kind: "latency" })],
      "Nothing fired: nothing unusual in errors, volume drop and latency, with less than a quarter of the evidence that it takes.",
    ],
    [
      "not judged",
      [aDecision({ state: "not_judged", why: "too few records" })],
      "Nothing fired: checkout was not judged: too few records.",
    ],
    [
      "history",
      [aDecision({ state: "stale" })],
      "Nothing was sent: the detector found errors, but in records that were older than STALE_SECONDS when it judged them, so they are history.",
    ],
    [
      "over the bar while it learns",
      [aDecision({ state: "learning", peakEvidence: 15, why: "is learning: 3 h of 24 h" })],
      "Nothing fired: closest was errors, evidence 15 of 12, but is learning: 3 h of 24 h.",
    ],
  ])("%s", (_, before, sentence) => {
    expect(told({ before }).verdict).toBe(sentence);
  });

  test("nobody sends, unless the records of this minute came later", () => {
    const silence = aDecision({
      ...{ series: seriesIdOf(PIPELINE_KEY), kind: "pipeline", state: "not_judged" },
      why: "nothing arrives from anybody, so silence is not judged",
    });
    const calm = aDecision({ atMs: START_MS - MINUTE_MS });
    expect(told({ before: [silence, calm] }).verdict).toBe(
      "Nothing fired: nothing arrives from anybody, so silence is not judged.",
    );
    expect(told({ before: [silence, aDecision()] }).verdict).toContain("nothing unusual in errors");
  });

  test("a message kind that was new and is over is told to those who ask for it", () => {
    const before = [aDecision(), aDecision({ kind: "template", part: "3f9a" })];
    expect(told({ before }).decisions).toMatchObject([{ kind: "error" }]);
    expect(told({ before, kind: "template" }).decisions).toMatchObject([{ part: "3f9a" }]);
  });

  test("another service's rows say nothing", () => {
    const other = seriesIdOf({ ...KEY, environment: "staging" });
    expect(told({ before: [aDecision({ series: other })] }).decisions).toEqual([]);
  });
});

describe("nothing is known", () => {
  const later = START_MS + 30 * MINUTE_MS;
  test.each<[string, Parameters<typeof told>[0], string]>([
    ["the future", { before: [], atMs: START_MS + 122 * MINUTE_MS }, "This time has not come yet."],
    [
      "too long ago",
      { before: [], nowMs: START_MS + 24 * 60 * MINUTE_MS + 1 },
      "Nothing is known of it any more: decisions are kept for 24 hours.",
    ],
    [
      "Tracer was not running",
      { atMs: later, running: false },
      "Nothing is recorded: Tracer was not running then.",
    ],
    [
      "minutes that were judged in one go",
      {
        ...{ atMs: later, after: [aDecision({ unseenFromMs: later, atMs: later + MINUTE_MS })] },
      },
      "Only what fired is recorded: the records up to 2026-01-05 10:31 UTC came in one go, and nothing fired.",
    ],
    [
      "before the first",
      { before: [], running: false, nearest: { beforeMs: null, afterMs: later } },
      "Nothing is recorded: Tracer was not running then, and the first that is known of checkout is of 2026-01-05 10:30 UTC.",
    ],
    [
      "too many services",
      { before: [], recorded: false },
      "Nothing is recorded: decisions are kept of 10,000 services, and checkout is not among them.",
    ],
    [
      "records stopped coming and were not judged since",
      { atMs: later, judged: { minuteMs: START_MS, judgements: [aJudgement()] } },
      "Nothing fired: nothing of checkout was judged after 2026-01-05 10:01 UTC, because no records of it came, or they are older than STALE_SECONDS.",
    ],
    ["and no reason is known", { before: [] }, "Nothing is recorded of checkout for this time."],
  ])("%s", (_, input, sentence) => {
    const { verdict, decisions } = told(input);
    expect([verdict, decisions]).toEqual([sentence, []]);
  });

  test("a gap that begins later, and a Tracer that ran on, leave what was known", () => {
    const after = [aDecision({ unseenFromMs: later + 1, atMs: later + MINUTE_MS })];
    expect(told({ atMs: later, after, running: null }).decisions).toHaveLength(1);
  });
});
