import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { main } from "assemblyscript/asc";

const TARGET = new URL("../src/wasm-binary.ts", import.meta.url);
const FOLDER = fileURLToPath(new URL("assembly", import.meta.url));

/** Compiles the scanner from its source. The same source and compiler give the same bytes. */
export async function buildScanner(): Promise<Uint8Array> {
  let binary: Uint8Array | null = null;
  const options = ["--runtime", "stub", "--noAssert", "-O3", "--enable", "simd", "--use", "abort="];
  const { error, stderr } = await main(
    ["scan.ts", "--baseDir", FOLDER, "--outFile", "scan.wasm", ...options],
    {
      writeFile: (_name: string, contents: string | Uint8Array) => {
        if (typeof contents !== "string") binary = contents;
      },
    },
  );
  if (error !== null || binary === null) throw new Error(`asc: ${stderr.toString()}`);
  return binary;
}

/** The module that holds the binary, as text. */
export function embedded(binary: Uint8Array): string {
  const lines =
    Buffer.from(binary)
      .toString("base64")
      .match(/.{1,96}/g) ?? [];
  const list = lines.map((line) => `  "${line}",\n`).join("");
  return `// Written by wasm/build.ts from wasm/assembly; a test compares.\n\n/** The scanner's binary, base64. */\nexport const SCANNER_BASE64: readonly string[] = [\n${list}];\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await writeFile(TARGET, embedded(await buildScanner()));
}
