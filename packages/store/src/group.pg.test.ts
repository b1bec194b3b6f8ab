import type { Kind, Verdict } from "@tracer/core";
import { aSighting, createTestDatabase, passTime, SIGHT_OPTIONS } from "@tracer/testkit";
import { expect, test } from "vitest";
import { type ClaimedDelivery, claimDeliveries } from "./claim.ts";
import { GROUP_MEMBERS_MAX } from "./group.ts";
import { clear, resolveQuiet } from "./resolve.ts";
import { recordAttempt, settle } from "./settle.ts";
import { sight } from "./sight.ts";
import type { Sighting } from "./sighting.ts";

type Database = Awaited<ReturnType<typeof createTestDatabase>>;
interface Signal extends Pick<Partial<Sighting>, "severity"> {
  readonly service?: string;
  readonly kind?: Kind;
  readonly project?: string;
}

const AMBIGUOUS: Verdict = { kind: "ambiguous", reason: "http_500" };

function claim({ pool }: Database, processorId = "p1", limit = 100) {
  const channel = "slack";
  return claimDeliveries(pool, { processorId, leaseSeconds: 60, limit, channel, groups: true });
}

async function open({ pool }: Database, ...signals: Signal[]): Promise<void> {
  const sightings = signals.map(({ service = "checkout", kind = "error", project, severity }) => ({
    ...aSighting({ severity: severity ?? "error", title: `${service} ${kind}` }),
    key: { project: project ?? "default", environment: "", service, kind, part: "" },
  }));
  await sight(pool, sightings, SIGHT_OPTIONS);
}

/** Sends as a channel that edits would: what has no message gets the next one. */
async function send(
  { pool }: Database,
  delivery: ClaimedDelivery,
  verdict?: Verdict,
): Promise<void> {
  const attemptId = await recordAttempt(pool, { ...delivery, processorId: "p1" });
  if (attemptId === null) throw new Error("The attempt may not begin.");
  const receipt = delivery.receipt ?? { channel: "C1", ts: `${delivery.deliveryId}.0` };
  const sent = verdict ?? { kind: "sent" as const, receipt };
  await settle(pool, { ...delivery, attemptId, verdict: sent, retryAfterMs: 0 });
}

/** Claims and sends until nothing is due; what was sent, in order. */
async function sendAll(database: Database): Promise<ClaimedDelivery[]> {
  const sent: ClaimedDelivery[] = [];
  for (let claimed = await claim(database); claimed.length > 0; claimed = await claim(database)) {
    for (const delivery of claimed) await send(database, delivery);
    sent.push(...claimed);
  }
  return sent;
}

const messageOf = ({ receipt, deliveryId }: ClaimedDelivery) =>
  receipt?.["ts"] ?? `${deliveryId}.0`;
const messagesOf = (deliveries: readonly ClaimedDelivery[]) =>
  new Set(deliveries.map(messageOf)).size;
const membersOf = (delivery: ClaimedDelivery | undefined) =>
  delivery?.group?.map(({ service, kind, state }) => `${service} ${kind} ${state}`);

async function end({ pool }: Database, service: string, kind: Kind = "error"): Promise<void> {
  const key = { project: "default", environment: "", service, kind, part: "" };
  await clear(pool, [key], { clearSeconds: 30 });
  await passTime(pool, 40);
  await resolveQuiet(pool);
}

test("three kinds of one service at once: the gravest begins the message, the others join it one by one", async () => {
  await using database = await createTestDatabase();
  await open(
    database,
    { kind: "latency", severity: "warning" },
    { kind: "error", severity: "critical" },
    { kind: "template", severity: "warning" },
  );
  const first = await claim(database);
  expect(first.map(({ incident }) => incident.kind)).toEqual(["error"]);
  expect(first[0]?.receipt).toBeNull();
  expect(first[0]?.group).toBeUndefined();
  expect(await claim(database, "p2")).toEqual([]);
  for (const delivery of first) await send(database, delivery);
  const joined = await sendAll(database);
  expect(joined).toHaveLength(2);
  expect(messagesOf([...first, ...joined])).toBe(1);
  expect(membersOf(joined[1])).toEqual(
    ["error", ...joined.map(({ incident }) => incident.kind)].map(
      (kind) => `checkout ${kind} open`,
    ),
  );
});

test("one that opens hours later joins as well; of another project, environment or service it does not", async () => {
  await using database = await createTestDatabase();
  await open(database, {});
  const [first] = await sendAll(database);
  await database.pool.query("update outbox set created_at = created_at - interval '3 h'");
  await open(database, { kind: "latency" }, { service: "cart" }, { project: "other" });
  const later = await sendAll(database);
  expect(first).toBeDefined();
  expect(messagesOf([...(first === undefined ? [] : [first]), ...later])).toBe(3);
  const latency = later.find(({ incident }) => incident.kind === "latency");
  expect(membersOf(latency)).toEqual(["checkout error open", "checkout latency open"]);
});

test("ends show in the message as long as any member is open; the last end is of all", async () => {
  await using database = await createTestDatabase();
  await open(database, {});
  await open(database, { kind: "latency" });
  await sendAll(database);
  await end(database, "checkout", "error");
  const [errorEnd] = await sendAll(database);
  expect(errorEnd?.action).toBe("resolve");
  expect(membersOf(errorEnd)).toEqual(["checkout error resolved", "checkout latency open"]);
  await end(database, "checkout", "latency");
  const [latencyEnd] = await sendAll(database);
  expect(membersOf(latencyEnd)).toEqual(["checkout error resolved", "checkout latency resolved"]);
  // All is over: what begins now has a message of its own.
  await open(database, { kind: "volume" });
  const [fresh] = await sendAll(database);
  expect(fresh).toMatchObject({ receipt: null });
});

test("two services have a message each, from the third on they share the first; not after a minute", async () => {
  await using database = await createTestDatabase();
  await open(database, { service: "a" });
  await open(database, { service: "b" });
  expect(messagesOf(await sendAll(database))).toBe(2);
  await open(database, { service: "c" }, { service: "d" });
  const joined = await sendAll(database);
  const names = joined.map(({ incident }) => `${incident.service} error open`);
  expect(joined.map(membersOf)).toEqual([
    ["a error open", names[0]],
    ["a error open", ...names],
  ]);
  await database.pool.query("update outbox set created_at = created_at - interval '61 s'");
  await open(database, { service: "e" });
  expect(await sendAll(database)).toMatchObject([{ receipt: null }]);
});

test("as many share a message as have room in it, the next begin another", async () => {
  await using database = await createTestDatabase();
  const services = Array.from({ length: GROUP_MEMBERS_MAX + 2 }, (_, index) => `s${index}`);
  await open(database, ...services.map((service) => ({ service })));
  const sizes = Map.groupBy(await sendAll(database), messageOf);
  expect([...sizes.values()].map(({ length }) => length)).toEqual([GROUP_MEMBERS_MAX, 2]);
});

test("of what shows in one message one change is under way; others' go on", async () => {
  await using database = await createTestDatabase();
  await open(database, {}, { kind: "latency" });
  await open(database, { service: "cart" });
  expect(messagesOf(await sendAll(database))).toBe(2);
  await end(database, "checkout", "error");
  await end(database, "checkout", "latency");
  await end(database, "cart");
  const first = await claim(database, "p1");
  expect(first.map(({ incident }) => incident.service).toSorted()).toEqual(["cart", "checkout"]);
  expect(await claim(database, "p2")).toEqual([]);
  for (const delivery of first) await send(database, delivery);
  expect(await sendAll(database)).toHaveLength(1);
});

test("an opening that may have been posted joins nothing, and holds back no other while it waits", async () => {
  await using database = await createTestDatabase();
  await open(database, {});
  const [uncertain] = await claim(database);
  if (uncertain === undefined) throw new Error("Nothing was claimed.");
  await send(database, uncertain, AMBIGUOUS);
  await database.pool.query("update outbox set due_at = due_at + interval '1 min'");
  await open(database, { kind: "latency" });
  const [other] = await sendAll(database);
  expect(other).toMatchObject({ incident: { kind: "latency" }, receipt: null });
  await database.pool.query("update outbox set due_at = clock_timestamp() where state = 'pending'");
  const [again] = await sendAll(database);
  expect(again).toMatchObject({ incident: { kind: "error" }, uncertain: true, receipt: null });
});

test("an opening that hangs holds back the others of its project for two seconds, and no message for longer", async () => {
  await using database = await createTestDatabase();
  await open(database, {});
  expect(await claim(database, "p1")).toHaveLength(1);
  await open(database, { kind: "latency" });
  expect(await claim(database, "p2")).toEqual([]);
  const slower = "update outbox set leased_at = leased_at - interval '3 s' where state = 'leased'";
  await database.pool.query(slower);
  const [second] = await claim(database, "p2");
  expect(second).toMatchObject({ incident: { kind: "latency" }, receipt: null });
  if (second !== undefined) await send(database, second);
  // A change of the message of `latency` hangs: who would join it opens alone.
  await open(database, { kind: "volume" });
  expect(await claim(database, "p3")).toMatchObject([{ receipt: { ts: expect.any(String) } }]);
  await open(database, { kind: "template" });
  expect(await claim(database, "p4")).toEqual([]);
  await database.pool.query(slower);
  expect(await claim(database, "p4")).toMatchObject([{ receipt: null }]);
});

test("two processors that do not see each other's claim: one of them gets nothing", async () => {
  await using database = await createTestDatabase();
  await open(database, {});
  const [held] = await claim(database);
  if (held === undefined) throw new Error("Nothing was claimed.");
  await open(database, { kind: "latency" });
  // As if the first claim were not committed yet when the second looks.
  const key = "openings of default";
  const lease = `update outbox set state = 'leased', group_key = $1 where incident ->> 'kind' = 'latency'`;
  await expect(database.pool.query(lease, [key])).rejects.toMatchObject({
    constraint: "outbox_group",
  });
});

test("eight processors and sixty openings: each incident in one message, and none with more than it may have", async () => {
  await using database = await createTestDatabase();
  const names = Array.from({ length: 60 }, (_, index) => `s${index % 30}`);
  const kinds = ["error", "latency"] as const;
  const signals = names.map((service, index) => ({ service, kind: kinds[index < 30 ? 0 : 1] }));
  await open(database, ...signals);
  const sent: ClaimedDelivery[] = [];
  const work = async (processorId: string) => {
    while (sent.length < names.length) {
      for (const delivery of await claim(database, processorId, 3)) {
        await send(database, delivery);
        sent.push(delivery);
      }
    }
  };
  await Promise.all(Array.from({ length: 8 }, (_, index) => work(`p${index}`)));
  expect(new Set(sent.map(({ incident }) => incident.id)).size).toBe(names.length);
  const { rows } = await database.pool.query<{ members: number }>(
    `select count(*)::int as members from outbox where state = 'sent' group by receipt ->> 'ts'`,
  );
  expect(rows.reduce((sum, { members }) => sum + members, 0)).toBe(names.length);
  // One that takes long on a busy machine is not waited for, so that there may be more messages than need be.
  expect(Math.max(...rows.map(({ members }) => members))).toBeLessThanOrEqual(GROUP_MEMBERS_MAX);
});
