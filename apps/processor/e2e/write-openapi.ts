import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { startTracerProcess } from "./tracer-process.ts";

// `pnpm openapi`: writes docs/openapi.json as a real Tracer answers it. A test compares the two.

const PATH = fileURLToPath(new URL("../../../docs/openapi.json", import.meta.url));

await using tracer = await startTracerProcess();
const response = await fetch(`${tracer.url}/openapi.json`);
const document: unknown = JSON.parse(await response.text());
if (!response.ok) throw new Error(tracer.stderr());
await writeFile(PATH, `${JSON.stringify(document, null, 2)}\n`);
