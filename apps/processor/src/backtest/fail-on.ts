/** What a condition may ask about. */
export const FAIL_ON_FIGURES = [
  "alerts",
  "critical",
  "alerts_per_week",
  "records",
  "rejected",
  "late",
] as const;

export type FailOnFigure = (typeof FAIL_ON_FIGURES)[number];

const OPERATORS = [">=", "<=", ">", "<", "="] as const;

export interface FailOnCondition {
  readonly figure: FailOnFigure;
  readonly operator: (typeof OPERATORS)[number];
  readonly bound: number;
}

/** Reads `figure operator number`, such as `alerts>0`, with or without blanks. Null: not a condition. */
export function parseFailOn(text: string): FailOnCondition | null {
  const match = /^\s*([a-z_]+)\s*(>=|<=|>|<|==?)\s*(\d{1,15}(?:\.\d{1,15})?)\s*$/u.exec(text);
  const figure = FAIL_ON_FIGURES.find((name) => name === match?.[1]);
  const sign = match?.[2] === "==" ? "=" : match?.[2];
  const operator = OPERATORS.find((each) => each === sign);
  if (figure === undefined || operator === undefined) return null;
  return { figure, operator, bound: Number(match?.[3]) };
}

/** True when the condition holds, and the command must fail. */
export function holds({ operator, bound }: FailOnCondition, value: number): boolean {
  switch (operator) {
    case ">":
      return value > bound;
    case ">=":
      return value >= bound;
    case "<":
      return value < bound;
    case "<=":
      return value <= bound;
    case "=":
      return value === bound;
    default:
      return operator satisfies never;
  }
}
