import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import type { CommandContext } from "../commands/context.ts";
import { Exit } from "../exit.ts";
import { captured, RESULT_CHARS_MAX } from "./captured.ts";

function aContext(): CommandContext & { readonly stdout: PassThrough } {
  return {
    ...{ environment: {}, version: "0", stdin: new PassThrough() },
    ...{ stdout: new PassThrough(), stderr: new PassThrough() },
    ...{ stop: new AbortController().signal, onReload: () => {}, color: () => true },
  };
}

test("what a command prints is the answer, and its own output stays clean", async () => {
  const context = aContext();
  const result = await captured(context, async ({ stdout, stderr, color }) => {
    stderr.write("looking\n");
    stdout.write(`found, in colour: ${color({ isTTY: true })}`);
    return Exit.ok;
  });
  expect(result).toEqual({ text: "found, in colour: false", isError: false });
  expect(context.stdout.read()).toBeNull();
});

test("a command that fails says why, and one that throws does, too", async () => {
  const failed = await captured(aContext(), async ({ stderr }) => {
    stderr.write("NOT_FOUND: no such incident\n");
    return Exit.failed;
  });
  expect(failed).toEqual({ text: "NOT_FOUND: no such incident\n", isError: true });
  const thrown = await captured(aContext(), () => Promise.reject(new Error("PORT: is no number")));
  expect(thrown).toEqual({ text: "PORT: is no number", isError: true });
});

test("an answer is as long as it may be, and not longer", async () => {
  const print = (chars: number) =>
    captured(aContext(), async ({ stdout }) => {
      for (let left = chars; left > 0; left -= 1_000)
        stdout.write("x".repeat(Math.min(left, 1_000)));
      return Exit.ok;
    });
  expect((await print(RESULT_CHARS_MAX)).text).toBe("x".repeat(RESULT_CHARS_MAX));
  const { text } = await print(RESULT_CHARS_MAX + 1);
  expect(text).toHaveLength(RESULT_CHARS_MAX);
  expect(text).toMatch(/x…\n\(cut here: ask for less\)$/);
});
