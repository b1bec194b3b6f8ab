import { aDeliveryTask } from "@tracer/testkit";
import { expect, test } from "vitest";
import { clientMessageId, uuidOf } from "./identity.ts";
import { markerLine, markerOf } from "./marker.ts";

const task = aDeliveryTask("open", { seq: 3 });
const { id } = task.incident;

test("a marker is read back, also when Slack has rewritten what is around it", () => {
  const marker = { incidentId: id, seq: 3 };
  expect(markerOf(`text\n\n${markerLine(task)}`)).toEqual(marker);
  expect(markerOf(`text\nref ${id}/3\n`)).toEqual(marker);
});

test("a marker anywhere else, as in a log line, is none", () => {
  expect(markerOf(`user said ref ${id}/3`)).toBeNull();
  expect(markerOf(`\`ref ${id}/3\`\nlast line`)).toBeNull();
  expect(markerOf("")).toBeNull();
});

test("the same delivery has the same UUID, another has another", () => {
  expect(uuidOf("a")).toMatch(
    /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  );
  expect(clientMessageId(task, "C1")).toBe(clientMessageId({ ...task, attempts: 4 }, "C1"));
  expect(clientMessageId(task, "C1")).not.toBe(clientMessageId(task, "C2"));
  expect(clientMessageId(task, "C1")).not.toBe(clientMessageId({ ...task, seq: 4 }, "C1"));
});
