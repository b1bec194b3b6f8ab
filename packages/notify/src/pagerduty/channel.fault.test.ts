import { aDeliveryTask, startFakePagerduty } from "@tracer/testkit";
import { expect, test } from "vitest";
import { pagerdutyChannel } from "./channel.ts";

const { signal } = new AbortController();

async function startWorld() {
  const pagerduty = await startFakePagerduty();
  const { routingKey, eventsUrl } = pagerduty;
  const channel = pagerdutyChannel({ routingKey, eventsUrl });
  const alerts = () => [...pagerduty.alerts.values()];
  return {
    pagerduty,
    channel,
    alerts,
    [Symbol.asyncDispose]: () => pagerduty[Symbol.asyncDispose](),
  };
}

test("an incident is one alert: opened, raised, resolved", async () => {
  await using world = await startWorld();
  for (const action of ["open", "edit", "escalate", "repeat"] as const) {
    expect(await world.channel.send(aDeliveryTask(action), signal)).toMatchObject({ kind: "sent" });
  }
  expect(world.alerts()).toMatchObject([{ state: "triggered", opened: 1, triggers: 3 }]);
  await world.channel.send(aDeliveryTask("resolve"), signal);
  expect(world.alerts()).toMatchObject([{ state: "resolved" }]);
});

test("a reset after the event was taken: repeated, still one alert", async () => {
  await using world = await startWorld();
  world.pagerduty.fail({ route: "enqueue", when: "after", drop: true });
  const first = await world.channel.send(aDeliveryTask(), signal);
  expect(first.kind).toBe("ambiguous");
  await world.channel.send(aDeliveryTask("open", { uncertain: true }), signal);
  expect(world.alerts()).toMatchObject([{ opened: 1, triggers: 2 }]);
});

test.each([
  ["HTML", "<!doctype html><title>Sign in</title>"],
  ["nothing", ""],
  ["another word", { status: "throttle exceeded" }],
  ["more than is read", "x".repeat(5 * 1024 * 1024)],
])("a 202 with %s does not count as sent", async (_name, body) => {
  await using world = await startWorld();
  world.pagerduty.fail({ route: "enqueue", when: "before", status: 202, body });
  const verdict = await world.channel.send(aDeliveryTask(), signal);
  expect(verdict).toEqual({ kind: "ambiguous", reason: "unreadable_answer" });
  expect(await world.channel.send(aDeliveryTask(), signal)).toMatchObject({ kind: "sent" });
  expect(world.alerts()).toMatchObject([{ opened: 1 }]);
});

test("429 is waited for, a wrong key is not tried again", async () => {
  await using world = await startWorld();
  const headers = { "retry-after": "12" };
  world.pagerduty.fail({ route: "enqueue", when: "before", status: 429, headers });
  const limited = await world.channel.send(aDeliveryTask(), signal);
  expect(limited).toEqual({ kind: "retry", reason: "http_429", afterMs: 12_000 });
  expect(world.alerts()).toEqual([]);
  const { eventsUrl } = world.pagerduty;
  const wrong = pagerdutyChannel({ routingKey: "f".repeat(32), eventsUrl });
  const refused = await wrong.send(aDeliveryTask(), signal);
  expect(refused).toEqual({ kind: "permanent", reason: "http_400" });
});

test("what three processors tell of Tracer itself is one alert, and is resolved by its key", async () => {
  await using world = await startWorld();
  const text = "It does not answer.";
  const notice = { key: "tracer-db-down", title: "No database", text, receipt: null } as const;
  for (let processor = 0; processor < 3; processor += 1) {
    const verdict = await world.channel.sendNotice({ ...notice, state: "begun" }, signal);
    expect(verdict).toEqual({ kind: "sent", receipt: { dedup_key: "tracer-db-down" } });
  }
  const alert = { dedupKey: "tracer-db-down", opened: 1, triggers: 3, severity: "critical" };
  expect(world.alerts()).toMatchObject([{ ...alert, state: "triggered", summary: "No database" }]);
  await world.channel.sendNotice({ ...notice, state: "over" }, signal);
  expect(world.alerts()).toMatchObject([{ ...alert, state: "resolved" }]);
});

test("a notice that PagerDuty does not take says why", async () => {
  await using world = await startWorld();
  const notice = { key: "k", state: "begun", title: "t", text: "x", receipt: null } as const;
  const headers = { "retry-after": "7" };
  world.pagerduty.fail({ route: "enqueue", when: "before", status: 429, headers });
  expect(await world.channel.sendNotice(notice, signal)).toEqual({
    kind: "retry",
    reason: "http_429",
    afterMs: 7_000,
  });
  world.pagerduty.fail({ route: "enqueue", when: "after", drop: true });
  expect(await world.channel.sendNotice(notice, signal)).toMatchObject({ kind: "ambiguous" });
});
