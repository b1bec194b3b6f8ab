import { aDeliveryTask } from "@tracer/testkit";
import { expect, test } from "vitest";
import { pagerdutyVerdict } from "./channel.ts";
import { renderPagerduty } from "./render.ts";

test("a trigger says what an alert must say", () => {
  const event = renderPagerduty(aDeliveryTask());
  expect(event).toMatchObject({
    event_action: "trigger",
    client_url: "http://127.0.0.1:4318/incidents/sample",
    payload: {
      summary: "CRITICAL checkout-api: error rate spike – 12.4 % vs 0.6 % expected",
      source: "prod/checkout-api",
      severity: "critical",
      timestamp: "2026-11-22T14:02:10Z",
      component: "checkout-api",
      class: "error",
      custom_details: {
        observed: "12.4 %",
        expected: "0.6 %",
        expected_band: "0.2 % to 1.4 %",
        ratio: "20.7×",
        z: "9.1",
        ewma: "0.61 %",
        rate_of_change: "3.3×",
        sample_size: "1,841 records",
        example_lines: ["payment gateway timeout after 3000 ms for order 8813"],
      },
    },
  });
});

test("all events of an incident share the key; a resolve needs no more", () => {
  const { dedup_key: key } = renderPagerduty(aDeliveryTask());
  for (const action of ["escalate", "repeat"] as const) {
    expect(renderPagerduty(aDeliveryTask(action))).toMatchObject({
      event_action: "trigger",
      dedup_key: key,
    });
  }
  expect(renderPagerduty(aDeliveryTask("resolve"))).toEqual({
    event_action: "resolve",
    dedup_key: key,
  });
});

test("a test wakes nobody", () => {
  expect(renderPagerduty(aDeliveryTask("test"))).toMatchObject({ payload: { severity: "info" } });
});

test.each([
  [202, "sent"],
  [400, "permanent"],
  [429, "retry"],
  [500, "ambiguous"],
  [503, "ambiguous"],
  [403, "reconnect"],
])("status %i is %s", (status, kind) => {
  const text = JSON.stringify({ status: status === 202 ? "success" : "invalid event" });
  const reply = { kind: "reply", status, retryAfterMs: 3_000, text } as const;
  expect(pagerdutyVerdict(reply, "k")).toMatchObject({ kind });
});
