import { aDeliveryTask } from "@tracer/testkit";
import { expect, test } from "vitest";
import { KEPT_EVENTS_MAX, type LiveEvent, LiveEvents } from "./live-events.ts";

test("a listener gets fresh counts at once, then each second", () => {
  let recordsTotal = 5;
  const live = new LiveEvents(() => ({ recordsTotal, services: 2 }));
  const heard: LiveEvent[] = [];
  const stop = live.listen("default", (event) => heard.push(event));
  recordsTotal = 25;
  live.counts(2);
  stop();
  live.counts(1);
  expect(heard.map(({ data }) => data)).toEqual([
    { recordsTotal: 5, recordsPerSecond: 0, services: 2 },
    { recordsTotal: 25, recordsPerSecond: 13, services: 2 },
  ]);
  expect(new Set(heard.map(({ id }) => id)).size).toBe(2);
});

test("an incident is told when it changes, to its own project alone", () => {
  const live = new LiveEvents(() => ({ recordsTotal: 0, services: 0 }));
  const { incident } = aDeliveryTask("open");
  const heard: string[] = [];
  live.listen(incident.project, ({ name }) => heard.push(`own ${name}`));
  live.listen("other", ({ name }) => heard.push(`other ${name}`));
  live.incidents([incident]);
  live.incidents([incident]);
  live.incidents([{ ...incident, state: "resolved" }]);
  expect(heard).toEqual(["own counts", "other counts", "own incident", "own incident"]);
});

test("who comes back is told what changed since in its project, or that it is forgotten", () => {
  const live = new LiveEvents(() => ({ recordsTotal: 0, services: 0 }));
  const { incident } = aDeliveryTask("open");
  const ids: number[] = [];
  live.listen(incident.project, ({ id, name }) => {
    if (name === "incident") ids.push(id);
  });
  const change = (occurrences: number) => live.incidents([{ ...incident, occurrences }]);
  for (let round = 1; round <= KEPT_EVENTS_MAX - 1; round += 1) change(round);
  const [first = 0, second = 0] = ids;
  expect(live.since(incident.project, first)?.map(({ id }) => id)).toEqual(ids.slice(1));
  expect(live.since(incident.project, ids.at(-1) ?? 0)).toEqual([]);
  expect(live.since("other", first)).toEqual([]);
  expect(live.since(incident.project, 1)).toHaveLength(ids.length); // Before all that is kept.
  change(KEPT_EVENTS_MAX);
  change(KEPT_EVENTS_MAX + 1);
  expect(live.since(incident.project, second)).toHaveLength(KEPT_EVENTS_MAX - 1);
  expect(live.since(incident.project, first)).toBeNull();
  expect(live.since(incident.project, 1_000_000)).toBeNull();
  expect(live.since(incident.project, -1)).toBeNull();
});
