import { expect, test } from "vitest";
import { answerOf } from "./answer.ts";
import { aDecision, KEY, MINUTE_MS, START_MS } from "./fixtures.test-helper.ts";
import { answerText, WhyNotAnswer } from "./text.ts";

const ANSWER = answerOf({
  ...{ key: { ...KEY, environment: "production" }, kind: null, judged: null, running: true },
  ...{ atMs: START_MS, nowMs: START_MS + MINUTE_MS, incidents: [], recorded: true },
  around: { before: [], after: [] },
  nearest: { beforeMs: null, afterMs: START_MS + MINUTE_MS },
});

test("the verdict, then a line for each kind, aligned, without a number that is none", () => {
  const view = { from: new Date(START_MS).toISOString(), to: null, exact: true, incidentId: null };
  const { series: _, atMs: __, unseenFromMs: ___, ...decision } = aDecision();
  const drop = { ...decision, kind: "volume", part: "drop", unit: "records_per_minute" } as const;
  const none = { peakEvidence: null, bar: null, observed: null, expected: null };
  const answer = {
    ...ANSWER,
    decisions: [
      { ...decision, ...view, unit: "share" } as const,
      { ...drop, ...none, ...view, state: "not_judged", why: "too few records" } as const,
    ],
  };
  const text = answerText(WhyNotAnswer.parse(JSON.parse(JSON.stringify(answer))), { color: false });
  expect(text).toBe(`${answer.verdict}

checkout (production) at 2026-01-05 10:00:00 UTC
kind         state       since         evidence  observed  expected            why
errors       calm        10:00:00 UTC  1 of 12   1 %       1.2 % (0 % to 4 %)  evidence 1 of 12
volume drop  not judged  10:00:00 UTC  –         –         –                   too few records
`);
});

test("where nothing is known, the nearest that is recorded; colour only when asked for", () => {
  const text = answerText(ANSWER, { color: false });
  expect(text).toContain("recorded next to it: 2026-01-05 10:01:00 UTC");
  const esc = String.fromCharCode(27);
  expect(text).not.toContain(esc);
  expect(answerText(ANSWER, { color: true })).toContain(esc);
});
