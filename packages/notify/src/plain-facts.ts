import type { DeliveryTask, DigestTask } from "@tracer/core";
import { type DigestFacts, digestFactsOf } from "./digest-facts.ts";
import { type Facts, factsOf } from "./facts.ts";
import { unlink } from "./slack/escape.ts";

/**
 * The facts for a provider that takes plain text, and may show it in places that make links and mentions of what
 * looks like one: there is nothing left that does. It reads the same to a person.
 */
export function plainFactsOf(task: DeliveryTask): Facts {
  const facts = factsOf(task);
  return {
    ...facts,
    headline: unlink(facts.headline),
    lockLine: unlink(facts.lockLine),
    kind: unlink(facts.kind),
    sentence: unlink(facts.sentence),
    versus: unlink(facts.versus),
    notes: facts.notes.map(unlink),
    others: facts.others.map(unlink),
    templates: facts.templates.map(({ rates, text }) => ({ rates, text: unlink(text) })),
    exemplars: facts.exemplars.map(unlink),
    undelivered: facts.undelivered === null ? null : unlink(facts.undelivered),
  };
}

/** As `plainFactsOf`, of many incidents. */
export function plainDigestFactsOf(task: DigestTask): DigestFacts {
  const facts = digestFactsOf(task);
  const textOrNull = (text: string | null) => (text === null ? null : unlink(text));
  return {
    ...facts,
    lockLine: unlink(facts.lockLine),
    named: facts.named.map(unlink),
    rest: (named) => textOrNull(facts.rest(named)),
    undelivered: textOrNull(facts.undelivered),
  };
}
