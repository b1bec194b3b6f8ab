import { aDeliveryTask } from "@tracer/testkit";
import { expect, test } from "vitest";
import { consoleChannel } from "./channel.ts";
import { renderConsole } from "./render.ts";

const { signal } = new AbortController();

test("prints everything but edits", async () => {
  const printed: string[] = [];
  const channel = consoleChannel({ write: (text) => printed.push(text) });
  for (const action of ["open", "edit", "escalate", "repeat", "resolve"] as const) {
    expect(await channel.send(aDeliveryTask(action), signal)).toMatchObject({ kind: "sent" });
  }
  expect(printed).toHaveLength(4);
  expect(printed[0]).toContain("🚨 CRITICAL  checkout-api: error rate spike");
  expect(printed[1]).toContain("ESCALATED TO CRITICAL");
  expect(printed[2]).toContain("STILL OPEN");
  expect(printed[3]).toContain("✅ RESOLVED");
});

test("the card says what an alert must say", () => {
  const card = renderConsole(aDeliveryTask());
  for (const part of ["12.4 %", "0.6 %", "20.7×", "z 9.1", "EWMA 0.61 %", "rate of change 3.3×"]) {
    expect(card).toContain(part);
  }
  expect(card).toContain("since          2026-11-22T14:02:10Z");
  expect(card).toContain("1,841 records");
  expect(card).toContain("payment gateway timeout");
});

test("colours only on request", () => {
  expect(renderConsole(aDeliveryTask())).not.toContain("\u001b");
  expect(renderConsole(aDeliveryTask(), { color: true })).toContain("\u001b[1;31m");
});

test("long lines are broken, words and all", () => {
  const exemplars = [`${"word ".repeat(40)}${"x".repeat(150)}`];
  const lines = renderConsole(aDeliveryTask("open", { incident: { exemplars } })).split("\n");
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(82);
  expect(lines.join("")).toContain("x".repeat(60));
});

test("a terminal that cannot be written is not the end of the alert", async () => {
  const channel = consoleChannel({
    write: () => {
      throw new Error("EPIPE");
    },
  });
  expect(await channel.send(aDeliveryTask(), signal)).toMatchObject({
    kind: "retry",
    reason: "terminal_unwritable",
  });
});

test("tells of Tracer itself, and that it is over", async () => {
  const printed: string[] = [];
  const channel = consoleChannel({ write: (text) => printed.push(text) });
  const text = `It does not answer. ${"word ".repeat(30)}`;
  const notice = { key: "k", title: "The database is away", text, receipt: null } as const;
  const sent = { kind: "sent", receipt: { printed: "true" } };
  expect(await channel.sendNotice({ ...notice, state: "begun" }, signal)).toEqual(sent);
  expect(await channel.sendNotice({ ...notice, state: "over" }, signal)).toEqual(sent);
  expect(printed[0]).toContain("┃ 🚨 CRITICAL  The database is away\n┃ It does not answer.");
  expect(printed[1]).toContain("┃ ✅ RESOLVED  The database is away\n");
  expect(
    Math.max(
      ...printed
        .join("")
        .split("\n")
        .map((line) => line.length),
    ),
  ).toBeLessThan(83);
  expect(await channel.sendNotice({ ...notice, state: "begun" }, AbortSignal.abort())).toEqual({
    kind: "retry",
    reason: "aborted",
    afterMs: null,
  });
});

test("a defect of ours is a verdict, too", async () => {
  const channel = consoleChannel({ write: () => undefined });
  const verdict = await channel.send(JSON.parse('{"action":"open"}'), signal);
  expect(verdict).toEqual({ kind: "permanent", reason: "defect: TypeError" });
});
