import { RULES, type Rule } from "@tracer/detect";

/** Reads `evidence,median_mad`. A string is what is wrong with it; nothing given: the default. */
export function parseRules(text: string | undefined): readonly Rule[] | undefined | string {
  if (text === undefined) return undefined;
  const names = text.split(",").map((name) => name.trim());
  const rules = RULES.filter((rule) => names.includes(rule));
  const unknown = names.find((name) => !RULES.some((rule) => rule === name));
  if (unknown === undefined) return rules;
  return `--rules '${unknown}' is no rule. Rules: ${RULES.join(", ")}; several with commas.`;
}
