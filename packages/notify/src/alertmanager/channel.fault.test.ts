import {
  aDeliveryTask,
  aDigestTask,
  type FakeAlertmanager,
  SAMPLE_OPENED_MS,
  startFakeAlertmanager,
} from "@tracer/testkit";
import { expect, test } from "vitest";
import { alertmanagerChannel, parseReplicas } from "./channel.ts";

const { signal } = new AbortController();
const MINUTE_MS = 60_000;

async function startWorld() {
  let nowMs = SAMPLE_OPENED_MS + MINUTE_MS;
  const now = () => nowMs;
  const one = await startFakeAlertmanager({ now });
  const two = await startFakeAlertmanager({ now });
  const channel = alertmanagerChannel({ url: `${one.url}, ${two.url}/`, nowMs: now });
  return {
    ...{ one, two, channel },
    pass: (ms: number) => {
      nowMs += ms;
    },
    async [Symbol.asyncDispose]() {
      await one[Symbol.asyncDispose]();
      await two[Symbol.asyncDispose]();
    },
  };
}

const firing = ({ firing }: FakeAlertmanager) => firing().map(({ labels }) => labels);

test("an incident is one alert at every replica, known by what does not change", async () => {
  await using world = await startWorld();
  const sent = await world.channel.send(aDeliveryTask("open"), signal);
  expect(sent).toEqual({ kind: "sent", receipt: { replicas: "2 of 2", severity: "critical" } });
  const newer = { incident: { occurrences: 99, title: "another", exemplars: ["another line"] } };
  await world.channel.send(aDeliveryTask("edit", { ...newer, seq: 2 }), signal);
  for (const replica of [world.one, world.two]) {
    expect(replica.alerts()).toMatchObject([
      {
        labels: {
          alertname: "TracerError",
          service: "checkout-api",
          environment: "prod",
          severity: "critical",
        },
        annotations: { occurrences: "99" },
        startsAtMs: SAMPLE_OPENED_MS,
        generatorUrl: "http://127.0.0.1:4318/incidents/sample",
        pushes: 2,
      },
    ]);
  }
});

test("it lapses unless it is said again, and ends at once when it is over", async () => {
  await using world = await startWorld();
  await world.channel.send(aDeliveryTask("open"), signal);
  world.pass(4 * MINUTE_MS - 1);
  expect(firing(world.one)).toHaveLength(1);
  const { incident, link } = aDeliveryTask("open");
  expect(await world.channel.refresh?.([{ incident, link }], signal)).toMatchObject({
    kind: "sent",
  });
  world.pass(3 * MINUTE_MS);
  expect(firing(world.one)).toHaveLength(1);
  const receipt = { severity: "critical" };
  await world.channel.send(aDeliveryTask("resolve", { receipt }), signal);
  expect([firing(world.one), firing(world.two)]).toEqual([[], []]);
  expect(world.one.alerts()).toHaveLength(1);
});

test("an escalation ends the alert of the lesser severity, and the resolve ends what is left of any", async () => {
  await using world = await startWorld();
  await world.channel.send(aDeliveryTask("open", { incident: { severity: "warning" } }), signal);
  const receipt = { severity: "warning" };
  await world.channel.send(
    aDeliveryTask("escalate", { receipt, incident: { severity: "error" } }),
    signal,
  );
  expect(firing(world.one)).toMatchObject([{ severity: "error" }]);
  await world.channel.send(
    aDeliveryTask("escalate", { receipt, incident: { severity: "critical" } }),
    signal,
  );
  expect(firing(world.one)).toMatchObject([{ severity: "critical" }]);
  await world.channel.send(aDeliveryTask("resolve", { receipt }), signal);
  expect(firing(world.one)).toEqual([]);
});

test("one replica away: sent; it gets the alert with the next refresh. Both: tried again", async () => {
  await using world = await startWorld();
  world.one.fail({ route: "alerts", when: "before", status: 503 });
  const sent = await world.channel.send(aDeliveryTask("open"), signal);
  expect(sent).toMatchObject({ kind: "sent", receipt: { replicas: "1 of 2" } });
  expect([firing(world.one).length, firing(world.two).length]).toEqual([0, 1]);
  const { incident, link } = aDeliveryTask("open");
  await world.channel.refresh?.([{ incident, link }], signal);
  expect(firing(world.one)).toHaveLength(1);
  const fault = { route: "alerts", when: "before", status: 503 } as const;
  world.one.fail({ ...fault, headers: { "retry-after": "7" } });
  world.two.fail({ ...fault, headers: { "retry-after": "7" } });
  expect(await world.channel.send(aDeliveryTask("open"), signal)).toEqual({
    kind: "retry",
    reason: "http_503",
    afterMs: 7_000,
  });
});

test.each([
  [{ drop: true }, "ambiguous"],
  [{ status: 500 }, "ambiguous"],
  [{ status: 429 }, "retry"],
  [{ status: 401 }, "reconnect"],
  [{ status: 400, body: "start time must be before end time" }, "permanent"],
])("%j at both replicas is %s", async (fault, kind) => {
  await using world = await startWorld();
  for (const replica of [world.one, world.two]) {
    replica.fail({ route: "alerts", when: "after", ...fault });
  }
  expect((await world.channel.send(aDeliveryTask(), signal)).kind).toBe(kind);
});

test("a name and a password in the URL are sent, and never said", async () => {
  await using locked = await startFakeAlertmanager({ credentials: "tracer:s3cr%t" });
  const url = locked.url.replace("://", "://tracer:s3cr%25t@");
  const channel = alertmanagerChannel({ url });
  expect(await channel.send(aDeliveryTask(), signal)).toMatchObject({ kind: "sent" });
  expect(await channel.check?.(signal)).toMatchObject([{ state: "ok" }]);
  const without = alertmanagerChannel({ url: locked.url });
  const findings = await without.check?.(signal);
  expect(findings).toMatchObject([
    { state: "failed", fix: expect.stringContaining("user:password") },
  ]);
  expect(JSON.stringify(await channel.check?.(signal))).not.toContain("s3cr");
});

test("a digest is all its alerts, and a notice is one", async () => {
  await using world = await startWorld();
  const digest = await world.channel.sendDigest(aDigestTask(60), signal);
  expect(digest).toMatchObject({ kind: "sent", receipt: { digest: aDigestTask(1).id } });
  expect(firing(world.one)).toHaveLength(60);
  const notice = { key: "tracer-db-down", title: "No database", text: "-", receipt: null } as const;
  await world.channel.sendNotice({ ...notice, state: "begun" }, signal);
  expect(firing(world.two)).toHaveLength(61);
  await world.channel.sendNotice({ ...notice, state: "over" }, signal);
  expect(firing(world.two)).toHaveLength(60);
});

test("text of a log is text of an annotation, however it looks, and a clock that is behind is no error", async () => {
  await using world = await startWorld();
  world.pass(-3_600_000);
  const service = '"} \u001b[31m\n{{ .Labels }}';
  const task = aDeliveryTask("resolve", { incident: { service }, receipt: { severity: "info" } });
  expect(await world.channel.send(task, signal)).toMatchObject({ kind: "sent" });
  expect(JSON.stringify(world.one.alerts())).not.toMatch(/\\u001b|\\n|NaN|undefined/u);
});

test("what is no list of replicas is refused", () => {
  const many = (count: number) => Array(count).fill("http://am:9093").join(",");
  expect(parseReplicas(many(10))).toHaveLength(10);
  for (const wrong of [many(11), "", "am:9093", "ftp://am", "http://a,", "http://%zz@am"]) {
    expect(() => alertmanagerChannel({ url: wrong })).toThrow("ALERTMANAGER_URL");
  }
});
