import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { pageText, placed, type Snippet, shipperPages, snippetsOf } from "./snippets.ts";
import { startTracerProcess, type TracerProcess, temporaryFolder } from "./tracer-process.ts";

// Goal: what the pages of docs/shippers tell people to write works. Method: each snippet that is marked `run` is taken
// out of its page and run as it stands, with the port put in, against the real process; what it sent is then counted.

const CLIENTS = fileURLToPath(new URL("clients", import.meta.url));
const SNIPPET_TIMEOUT_MS = 60_000;
const pages = await shipperPages();
const snippets = [...pages].flatMap(([name, text]) => snippetsOf(name, text));

/** What stands around a snippet that only shows how to set a client up. */
interface Around {
  readonly before?: string;
  readonly after?: string;
}

const AROUND: Readonly<Record<string, Around>> = {
  "elasticsearch-clients.md": {
    before:
      'const key = "k"; const documents = [{ service: { name: "shop" }, message: "ERROR payment failed" }];',
  },
  "loki-clients.md": {
    after:
      'logger.error("payment failed"); stream.end(); await new Promise((done) => stream.on("close", done));',
  },
  "opentelemetry.md": { after: "await provider.shutdown();" },
  "pino.md": { after: 'logger.error("payment failed"); stream.end();' },
  "winston.md": {
    after:
      'const sent = new Promise((done) => transport.once("logged", done)); logger.error("payment failed"); await sent; await transport.flush(); process.exit();',
  },
};

let tracer: TracerProcess;
beforeAll(async () => {
  tracer = await startTracerProcess({ VERCEL_DRAIN_SECRET: "drain-secret" });
});
afterAll(() => tracer[Symbol.asyncDispose]());

async function accepted(): Promise<number> {
  const text = await (await fetch(`${tracer.url}/metrics`)).text();
  const lines = text.matchAll(
    /^tracer_records_total\{protocol="[^"]+",result="accepted"\} (\d+)$/gm,
  );
  return [...lines].reduce((sum, [, count]) => sum + Number(count), 0);
}

async function run(command: string, args: readonly string[], cwd: string): Promise<void> {
  await promisify(execFile)(command, args, {
    cwd,
    timeout: SNIPPET_TIMEOUT_MS,
    env: {
      PATH: `${dirname(process.execPath)}:${process.env["PATH"]}`,
      NODE_ENV: "production",
      TRACER_INGEST_KEY: "ingest-key",
      VERCEL_DRAIN_SECRET: "drain-secret",
    },
  });
}

/** Runs JavaScript where the clients are installed, after what a page has for the shell. */
async function runScript({ page, code }: Snippet): Promise<void> {
  const { before = "", after = "" } = AROUND[page] ?? {};
  const shell = page === "opentelemetry.md" ? shellOf(page) : "";
  const script = `${before}\n${placed(code, tracer)}\n${after}`;
  await run(
    "bash",
    ["-ec", `${shell}\nexec node --input-type=module --eval "$0"`, script],
    CLIENTS,
  );
}

function shellOf(page: string): string {
  const found = snippets.find((snippet) => snippet.page === page && snippet.language === "sh");
  if (found === undefined) throw new Error(`${page} has nothing for the shell.`);
  return placed(found.code, tracer);
}

async function runShell({ page, code }: Snippet): Promise<void> {
  await using folder = await temporaryFolder();
  if (page === "curl.md") {
    const app = 'console.log(JSON.stringify({ level: "error", service: "shop", msg: "paid" }));';
    await writeFile(join(folder.path, "app.js"), app);
  }
  await run("bash", ["-eo", "pipefail", "-c", placed(code, tracer)], folder.path);
}

const runnable = snippets.filter(
  ({ mark, page, language }) =>
    mark === "run" && !(page === "opentelemetry.md" && language === "sh"),
);

test.each(runnable.map((snippet) => [snippet.page, snippet.language, snippet] as const))(
  "%s, %s: one record of error",
  async (_page, language, snippet) => {
    const before = await accepted();
    await (language === "js" ? runScript(snippet) : runShell(snippet));
    await expect.poll(accepted, { timeout: 20_000 }).toBe(before + 1);
  },
);

test("every record came as an error, those of most pages as of the service shop", async () => {
  const answer = await fetch(`${tracer.url}/api/v1/services`);
  expect(answer.status).toBe(200);
  const text = await answer.text();
  expect(text).toContain('"shop"');
});

test("every page is in the table, and every snippet is run or its page says why not", async () => {
  const table = await pageText("README.md");
  expect(pages.size).toBeGreaterThan(20);
  for (const [name, text] of pages) {
    expect(table, name).toContain(`](${name})`);
    const own = snippets.filter(({ page }) => page === name);
    expect(own.length, name).toBeGreaterThan(0);
    expect(text.match(/^```/gm)?.length, name).toBe(2 * own.length);
    for (const { mark } of own) expect(["run", "debian", "not-run"], name).toContain(mark);
    if (own.every(({ mark }) => mark === "not-run")) {
      expect(text, name).toMatch(/Not run by the tests: /);
    }
  }
});
