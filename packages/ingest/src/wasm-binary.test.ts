import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { buildScanner, embedded } from "../wasm/build.ts";

test("the embedded scanner is what its source builds", async () => {
  const committed = await readFile(new URL("wasm-binary.ts", import.meta.url), "utf8");
  expect(committed === embedded(await buildScanner())).toBe(true);
}, 60_000);
