import { expect, test } from "vitest";
import { aSignal } from "../fixtures.test-helper.ts";
import type { ReportedAlert } from "./report.ts";
import { proofTexts, spanText } from "./text.ts";

function anAlert(over: Partial<ReportedAlert> = {}): ReportedAlert {
  const { evidence, severity } = aSignal();
  return {
    ...{ kind: "latency", part: "", severity, rule: "evidence" },
    since: "2026-06-01T06:00:00.000Z",
    decided: "2026-06-01T06:01:00.000Z",
    until: "2026-06-01T12:01:00.000Z",
    durationSeconds: 21_660,
    ...{ endReason: "evidence", ending: null, evidence, examples: [] },
    ...over,
  };
}

test("an alert says when it was, and how it ended where that is no recovery", () => {
  const over = "since 2026-06-01 06:00, until 2026-06-01 12:01 (6 h 1 min)";
  expect(spanText(anAlert())).toBe(over);
  expect(spanText(anAlert({ ending: "accepted" }))).toBe(`${over}, taken as the new normal`);
  expect(spanText(anAlert({ until: null }))).toBe("since 2026-06-01 06:00, still open at the end");
});

test("an alert says what was expected and how sure it is; a new kind of message was not expected", () => {
  const { evidence } = aSignal();
  const unit = "milliseconds";
  const slow = { ...evidence, unit, expectedLow: 98, expectedHigh: 1_460, bar: 11 } as const;
  expect(proofTexts(anAlert({ evidence: { ...slow, evidence: 14.3 } }))).toEqual([
    "expected 98 ms to 1.5 s",
    "evidence 14.3 of 11",
  ]);
  const fresh = { ...slow, evidence: 4.6, bar: 3 };
  expect(proofTexts(anAlert({ kind: "template", evidence: fresh }))).toEqual(["evidence 4.6 of 3"]);
  const more = { ...slow, evidence: 0, bar: 0 };
  expect(proofTexts(anAlert({ kind: "template", part: "more", evidence: more }))).toEqual([]);
});
