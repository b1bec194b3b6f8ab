/** One figure's goals: what must hold, and what is aimed at. */
export interface Goal {
  readonly figure: string;
  readonly better: "more" | "less";
  readonly must: number;
  /** The same as `must` where there is nothing beyond it. */
  readonly aim: number;
}

function goal(figure: string, better: Goal["better"], must: number, aim: number): Goal {
  return { figure, better, must, aim };
}

/** Figures are named `what` or `what.tier`. */
export const GOALS: readonly Goal[] = [
  goal("recall.low", "more", 0.75, 0.88),
  goal("recall.mid", "more", 0.97, 0.99),
  goal("recall.high", "more", 0.99, 1),
  goal("falseAlarms.low", "less", 0.08, 0.02),
  goal("falseAlarms.mid", "less", 0.08, 0.02),
  goal("falseAlarms.high", "less", 0.08, 0.02),
  goal("holidayFalseAlarms.low", "less", 0.15, 0.05),
  goal("holidayFalseAlarms.mid", "less", 0.15, 0.05),
  goal("holidayFalseAlarms.high", "less", 0.15, 0.05),
  goal("wrongKind.all", "less", 0.15, 0.05),
  goal("precision.all", "more", 0.9, 0.97),
  goal("delayMedian.high", "less", 60, 40),
  goal("delayMedian.mid", "less", 150, 90),
  goal("delayMedian.low", "less", 900, 500),
  goal("repeats.all", "less", 0.02, 0),
  goal("resolved.all", "more", 0.98, 1),
  goal("resolveMedian.high", "less", 120, 60),
  goal("resolveMedian.mid", "less", 900, 360),
  goal("resolveMedian.low", "less", 7_200, 1_200),
  goal("coldStart.all", "less", 0.25, 0.03),
  goal("steadyAlerts", "less", 1, 0.2),
  goal("newKindRecall", "more", 0.92, 0.98),
  goal("newKindFalseAlarms", "less", 0.05, 0.02),
  goal("causalityViolations", "less", 0, 0),
  goal("notFinite", "less", 0, 0),
  goal("costRatio", "less", 40, 10),
  goal("bytesPerService", "less", 1_229, 717),
];

export type Mark = "aim" | "must" | "missed";

export function markOf({ better, must, aim }: Goal, value: number | null): Mark {
  if (value === null || !Number.isFinite(value)) return "missed"; // Nothing was measured.
  const reaches = (bound: number) => (better === "more" ? value >= bound : value <= bound);
  if (!reaches(must)) return "missed";
  return reaches(aim) ? "aim" : "must";
}
