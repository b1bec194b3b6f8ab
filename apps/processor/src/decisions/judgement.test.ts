import { CountDeltas } from "@tracer/core";
import { Detector, TemplateBook } from "@tracer/detect";
import { expect, test } from "vitest";
import { START_MS } from "./fixtures.test-helper.ts";
import { judgedOf } from "./judgement.ts";

const STEP_MS = 10_000;
const INFO = 2;

/** A detector that has seen so many steps of ten records each. */
function fed(steps: number): Detector {
  const detector = new Detector();
  for (let step = 0; step < steps; step += 1) {
    const deltas = new CountDeltas();
    const atMs = START_MS + step * STEP_MS;
    deltas.add(0, atMs, INFO, Number.NaN, 10);
    detector.observe(deltas, atMs + STEP_MS);
  }
  return detector;
}

test("every kind of a service that is new: learning, or nothing to judge, as of its last closed minute", () => {
  const judged = judgedOf(fed(10), new TemplateBook(), 0);
  expect(judged?.minuteMs).toBe(START_MS);
  const kinds = judged?.judgements.map(({ kind, part }) => `${kind} ${part}`.trim());
  expect(kinds).toEqual(
    expect.arrayContaining(["error", "volume surge", "volume drop", "template"]),
  );
  for (const { state, why, ...rest } of judged?.judgements ?? []) {
    const wanted = rest.kind === "latency" ? /^(learning|not_judged)$/ : /^learning$/;
    expect(state).toMatch(wanted);
    expect(why).not.toMatch(/NaN|undefined|Infinity/);
    for (const value of Object.values(rest)) {
      if (typeof value === "number") expect(value).toSatisfy(Number.isFinite);
    }
  }
});

test("what was seen is told in the unit of its kind", () => {
  const judged = judgedOf(fed(60), new TemplateBook(), 0);
  const observed = (kind: string) =>
    judged?.judgements.find((judgement) => judgement.kind === kind)?.observed;
  expect([observed("error"), observed("volume"), observed("template")]).toEqual([0, 60, null]);
});

test("nothing of a series that the detector does not hold", () => {
  expect(judgedOf(new Detector(), new TemplateBook(), 0)).toBe(null);
});
