import { expect, test } from "vitest";
import { CALLS_MAX, Calls } from "./calls.ts";
import type { ToolResult } from "./captured.ts";

test("as many calls as there may be are in hand at once, and one more is refused", async () => {
  const calls = new Calls();
  const gate = Promise.withResolvers<ToolResult>();
  const running = Array.from({ length: CALLS_MAX }, () => calls.run(() => gate.promise));
  const refused = await calls.run(() => gate.promise);
  expect(refused).toMatchObject({ isError: true, text: expect.stringContaining("ask again") });
  let isSettled = false;
  const settled = calls.settled().then(() => {
    isSettled = true;
  });
  expect(isSettled).toBe(false);
  gate.resolve({ text: "done", isError: false });
  for (const result of await Promise.all(running)) expect(result.text).toBe("done");
  await settled;
  expect((await calls.run(() => gate.promise)).text).toBe("done");
});
