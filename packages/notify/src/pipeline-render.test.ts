import type { DeliveryAction } from "@tracer/core";
import { aDeliveryTask } from "@tracer/testkit";
import { expect, test } from "vitest";
import { renderMarkdown } from "./composio/render.ts";
import { renderConsole } from "./console/render.ts";
import { renderPagerduty } from "./pagerduty/render.ts";
import { renderCard, renderPlain, renderReply } from "./slack/render.ts";

const sentence = "No records from any service for 2 min 10 s; usually one every 0.4 s";

function task(action: DeliveryAction) {
  return aDeliveryTask(action, {
    link: "http://127.0.0.1:4318/i/1",
    incident: {
      service: "(all)",
      kind: "pipeline",
      title: "(all): no logs arrive at all",
      exemplars: [],
    },
    evidence: { unit: "records_per_minute", observed: 0, expected: 150, sparkline: [], sentence },
  });
}

function everything(action: DeliveryAction): string[] {
  const texts = [
    renderConsole(task(action)),
    renderMarkdown(task(action)),
    ...[renderCard(task(action)), renderPlain(task(action)), renderPagerduty(task(action))].map(
      (each) => JSON.stringify(each),
    ),
  ];
  const reply = action === "open" ? [] : [JSON.stringify(renderReply(task(action)))];
  return [...texts, ...reply];
}

// Goal: "nothing arrives" has no band, no evidence and no sample; a number that means nothing misleads.
test.each(["open", "escalate", "repeat", "resolve"] as const)(
  "no channel shows numbers that mean nothing: %s",
  (action) => {
    for (const text of everything(action)) {
      expect(text).not.toMatch(
        /\bz\b|EWMA|nats|band|sample|peak|usually \d|rate.of.change|\/min/iu,
      );
    }
  },
);

test("every message says since when and what is usual, and the first line does", () => {
  for (const action of ["open", "escalate", "repeat"] as const) {
    for (const text of everything(action)) expect(text).toMatch(/o records from any service for 2/);
  }
  expect(renderCard(task("open")).text).toBe(
    "CRITICAL (all): no logs arrive at all – no records from any service for 2 min 10 s; usually one every 0.4 s",
  );
  expect(renderCard(task("resolve")).text).toBe(
    "RESOLVED (all): no logs arrive at all – after 18 min",
  );
});
