import { expect, test } from "vitest";
import { compareBooks, type Findings, isClean } from "./books.ts";
import type { StoredAttempt, StoredDelivery, StoredIncident } from "./database-book.ts";
import { Ledger } from "./ledger.ts";
import type { Effect } from "./sink.ts";

// A comparison that cannot fail is worth nothing: each thing that can be wrong is put into books that agree.

const FINGERPRINT = "0123456789abcdef0123456789abcdef";
const INCIDENT_ID = `inc_${FINGERPRINT}-1`;

interface Made {
  ledger: Ledger;
  effects: Effect[];
  incidents: StoredIncident[];
  deliveries: StoredDelivery[];
}

function effect(changes: Partial<Effect>): Effect {
  return {
    ...{ channel: "slack-1", action: "post", incidentId: INCIDENT_ID, deliveryId: "1" },
    ...{ revision: 1, state: "open", marked: false, atMs: 0, text: "", ...changes },
  };
}

/** Begun at 0, a second after each other. */
function attemptsOf(...outcomes: (string | null)[]): StoredAttempt[] {
  return outcomes.map((outcome, index) => ({ outcome, startedMs: index * 1_000 }));
}

function delivery(changes: Partial<StoredDelivery>): StoredDelivery {
  return {
    ...{ id: "1", fingerprint: FINGERPRINT, epoch: 1, seq: 1, channel: "slack-1" },
    ...{ action: "open", state: "sent", digest: null, attempts: attemptsOf("sent"), ...changes },
  };
}

/** An incident that opened, was escalated and ended, told to Slack and to PagerDuty. */
function agreeing(): Made {
  const ledger = new Ledger();
  ledger.sighted({ fingerprint: FINGERPRINT, epoch: 1, outcome: "created" });
  ledger.sighted({ fingerprint: FINGERPRINT, epoch: 1, outcome: "escalated" });
  const pagerduty = { channel: "pagerduty-1", deliveryId: "" };
  return {
    ledger,
    incidents: [{ fingerprint: FINGERPRINT, epoch: 1, state: "resolved" }],
    deliveries: [
      delivery({}),
      delivery({ id: "2", channel: "pagerduty-1" }),
      delivery({
        id: "3",
        seq: 2,
        action: "escalate",
        attempts: attemptsOf(null, "ambiguous", "sent"),
      }),
      delivery({ id: "4", seq: 3, action: "resolve" }),
      delivery({ id: "5", seq: 3, action: "resolve", channel: "pagerduty-1" }),
    ],
    effects: [
      effect({}),
      effect({ ...pagerduty, action: "trigger" }),
      effect({ action: "reply", deliveryId: "3", revision: 2 }),
      effect({ action: "edit", deliveryId: "4", revision: 3, state: "resolved" }),
      effect({ ...pagerduty, action: "resolve", state: "resolved" }),
    ],
  };
}

function findingsOf(
  { ledger, effects, incidents, deliveries }: Made,
  epochs = 1,
  settleMs = 100,
): Findings {
  const books = { ledger, effects, database: { incidents, deliveries } };
  return compareBooks(books, { epochsOf: () => epochs, settleMs });
}

/** What is not 0 of what must be. */
function wrongIn(made: Made, epochs = 1): Record<string, number> {
  const findings = findingsOf(made, epochs);
  expect(isClean(findings)).toBe(false);
  expect(findings.problems.length).toBeGreaterThan(0);
  const { incidents: _, deliveries: __, unknownEnds: ___, problems: ____, ...counts } = findings;
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0));
}

test("books that agree are clean; attempts of unknown end are counted and no harm", () => {
  const findings = findingsOf(agreeing());
  expect(findings).toMatchObject({ incidents: 1, deliveries: 5, unknownEnds: 2, problems: [] });
  expect(isClean(findings)).toBe(true);
});

test("lost: acknowledged and not stored, stored and announced to nobody, announced and never told", () => {
  const forgotten = agreeing();
  forgotten.ledger.sighted({ fingerprint: FINGERPRINT, epoch: 2, outcome: "created" });
  expect(wrongIn(forgotten)).toEqual({ lost: 1 });

  const silent = agreeing();
  silent.effects = silent.effects.filter(({ channel }) => channel === "slack-1");
  silent.deliveries = silent.deliveries.filter(({ channel }) => channel === "slack-1");
  expect(isClean(findingsOf(silent))).toBe(true); // One channel fewer is owed nothing.
  silent.deliveries = silent.deliveries.filter(({ action }) => action !== "open");
  expect(wrongIn(silent)).toEqual({ lost: 1 });

  const untold = agreeing();
  untold.effects = untold.effects.filter(({ channel }) => channel === "slack-1");
  expect(wrongIn(untold)).toEqual({ lost: 1, falselySettled: 2 });

  expect(wrongIn(agreeing(), 2)).toEqual({ lost: 1 });
});

test("doubled: two creators, an epoch too many, a message about an incident that is not there", () => {
  const twice = agreeing();
  twice.ledger.sighted({ fingerprint: FINGERPRINT, epoch: 1, outcome: "created" });
  expect(wrongIn(twice)).toEqual({ doubled: 1 });

  const ghost = agreeing();
  ghost.effects.push(effect({ incidentId: `inc_${FINGERPRINT}-9`, deliveryId: "9" }));
  expect(wrongIn(ghost)).toEqual({ doubled: 1 });

  const split = agreeing();
  split.incidents.push({ fingerprint: FINGERPRINT, epoch: 2, state: "open" });
  split.deliveries.push(delivery({ id: "9", epoch: 2 }));
  split.effects.push(effect({ incidentId: `inc_${FINGERPRINT}-2`, deliveryId: "9" }));
  expect(wrongIn(split)).toEqual({ doubled: 1 });
  expect(isClean(findingsOf(split, 2))).toBe(true);
});

test("repeats: a second first message, a second reply of one delivery; marked as such, it is counted apart", () => {
  const posts = agreeing();
  posts.effects.splice(1, 0, effect({}));
  expect(wrongIn(posts)).toEqual({ repeats: 1 });

  const replies = agreeing();
  replies.effects.splice(3, 0, effect({ action: "reply", deliveryId: "3", revision: 2 }));
  expect(wrongIn(replies)).toEqual({ repeats: 1 });

  const marked = agreeing();
  marked.effects.splice(1, 0, effect({ marked: true }));
  expect(findingsOf(marked)).toMatchObject({ repeats: 0, marked: 1 });
  expect(isClean(findingsOf(marked))).toBe(true);
});

test("overtaken: what was not there yet when it was looked for; what was there is a repeat", () => {
  const made = (firstMs: number) => {
    const late = agreeing();
    late.deliveries[0] = delivery({ attempts: attemptsOf(null, "sent") });
    late.effects.splice(0, 1, effect({ atMs: firstMs }), effect({ atMs: 1_300 }));
    return late;
  };
  expect(findingsOf(made(1_101))).toMatchObject({ repeats: 0, overtaken: 1 });
  expect(isClean(findingsOf(made(1_101)))).toBe(true);
  expect(wrongIn(made(1_100))).toEqual({ repeats: 1 });
  expect(findingsOf(made(1_101), 1, Number.POSITIVE_INFINITY)).toMatchObject({ repeats: 1 });
});

test("reordered: a firing after the end, an end before the beginning", () => {
  const late = agreeing();
  late.effects.push(effect({ channel: "pagerduty-1", action: "trigger", deliveryId: "" }));
  expect(wrongIn(late)).toEqual({ reordered: 1, disagreeing: 1 });

  const early = agreeing();
  const [post, trigger, reply, edit, resolve] = early.effects;
  early.effects = [resolve, trigger, post, reply, edit].flatMap((one) => one ?? []);
  expect(wrongIn(early)).toEqual({ reordered: 2, disagreeing: 1 });
});

test("falsely settled: counted as sent without a message, or without an attempt that was sent", () => {
  const reply = agreeing();
  reply.effects = reply.effects.filter(({ action }) => action !== "reply");
  expect(wrongIn(reply)).toEqual({ falselySettled: 1 });

  const attempt = agreeing();
  attempt.deliveries[0] = delivery({ attempts: attemptsOf(null) });
  expect(wrongIn(attempt)).toEqual({ falselySettled: 1 });

  const end = agreeing();
  end.effects = end.effects.filter(({ state }) => state === "open");
  expect(wrongIn(end)).toEqual({ falselySettled: 2, disagreeing: 2 });
});

test("disagreeing: told as open, and it is over", () => {
  const open = agreeing();
  open.deliveries = open.deliveries.filter(({ action }) => action !== "resolve");
  open.effects = open.effects.filter(({ state }) => state === "open");
  expect(wrongIn(open)).toEqual({ disagreeing: 2 });
});

test("undone and dead deliveries are not well", () => {
  const made = agreeing();
  made.deliveries.push(
    delivery({ id: "6", action: "edit", state: "leased", attempts: attemptsOf(null) }),
  );
  made.deliveries.push(
    delivery({ id: "7", action: "edit", state: "dead", attempts: attemptsOf("permanent") }),
  );
  expect(wrongIn(made)).toEqual({ undone: 1, dead: 1 });
});

const textOf = (digest: string) => `{"digest_id":"${digest}"}`;

test("the end of what only a digest told: a reply under it, the storm's alert", () => {
  const digest = "7a1d6f1e-0000-4000-8000-000000000001";
  const made = (changes: { digestMs?: number; pagerdutyId?: string } = {}) => {
    const { digestMs = 0, pagerdutyId = "5" } = changes;
    const ends = agreeing();
    const isEnd = ({ action }: StoredDelivery) => action === "resolve";
    ends.deliveries = ends.deliveries
      .filter(({ action }) => action !== "escalate")
      .map((one) => (isEnd(one) ? one : { ...one, digest }));
    const none = { incidentId: "", deliveryId: "" };
    const storm = { ...none, channel: "pagerduty-1", action: "trigger" } as const;
    ends.effects = [
      effect({ ...none, atMs: digestMs, text: textOf(digest) }),
      effect({ ...storm, text: textOf(digest) }),
      effect({ action: "reply", deliveryId: "4", revision: 3, state: "resolved", atMs: 9 }),
      effect({ ...storm, text: textOf(pagerdutyId) }),
    ];
    return ends;
  };
  expect(findingsOf(made()).problems).toEqual([]);
  expect(wrongIn(made({ pagerdutyId: "6" }))).toEqual({ falselySettled: 1 });
  expect(wrongIn(made({ digestMs: 10 }))).toEqual({ reordered: 1 });
});

test("what a digest tells is told when there is one that names it", () => {
  const digest = "7a1d6f1e-0000-4000-8000-000000000001";
  const made = agreeing();
  made.deliveries = [delivery({ digest, attempts: attemptsOf() })];
  made.effects = [effect({ incidentId: "", deliveryId: "", text: textOf(digest) })];
  made.incidents = [{ fingerprint: FINGERPRINT, epoch: 1, state: "open" }];
  expect(isClean(findingsOf(made))).toBe(true);
  made.effects = [];
  expect(wrongIn(made)).toEqual({ falselySettled: 1 });
});
