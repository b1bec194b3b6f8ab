import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { Exit } from "../exit.ts";
import { detect } from "./detect.ts";

/** Two whole records and the beginning of a third; then `end` happens. */
async function run(end: () => void, stop: AbortController) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  async function* stdin() {
    const line = '{"ts":"2026-01-05T00:00:00Z","service":"a","level":"info"}\n';
    yield Buffer.from(`${line}${line}{"ts":"2026-01-0`);
    end();
    yield Buffer.from(line);
  }
  const context = { environment: {}, version: "0", stdin: stdin(), stdout, stderr };
  const exit = await detect(
    { ...context, stop: stop.signal, color: () => false, onReload: () => {} },
    {},
  );
  return { exit, said: String(stderr.read() ?? "") };
}

test("when nobody reads any more, half a record is none that could not be read", async () => {
  const stop = new AbortController();
  expect(await run(() => stop.abort(), stop)).toEqual({ exit: Exit.ok, said: "" });
});

test("an input that holds a broken record says so", async () => {
  const { exit, said } = await run(() => {}, new AbortController());
  expect([exit, said]).toEqual([Exit.ok, "1 of 3 records could not be read.\n"]);
});
