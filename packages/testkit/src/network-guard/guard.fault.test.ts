import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isHere, LOG_VARIABLE } from "./guard.ts";

/** A folder and a log of its own, so that what is tried here does not fail the run that this is part of. */
async function startWorld() {
  const folder = await mkdtemp(join(tmpdir(), "tracer-guard-test-"));
  const log = join(folder, "tried.log");
  const run = (file: string, args: readonly string[], environment: Record<string, string> = {}) =>
    new Promise<{ code: number; output: string }>((resolve) => {
      const env = { PATH: process.env["PATH"], ...environment, [LOG_VARIABLE]: log };
      execFile(file, [...args], { env }, (error, stdout, stderr) => {
        const code = typeof error?.code === "number" ? error.code : error === null ? 0 : -1;
        resolve({ code, output: stdout + stderr });
      });
    });
  return {
    folder,
    run,
    node: (args: readonly string[], environment: Record<string, string> = {}) =>
      run(process.execPath, args, environment),
    tried: () => readFile(log, "utf8").catch(() => ""),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** What a program says of itself: it swallows what goes wrong, as the product does. */
const swallowing = (attempt: string) => `
const said = (error) => console.log(error.cause?.code ?? error.code ?? error.message);
try { await (${attempt})(); } catch (error) { said(error); }`;

// None of these addresses is anybody's: RFC 5737, RFC 3849, RFC 2606.
const WAYS: readonly (readonly [name: string, attempt: string, tried: string])[] = [
  ["fetch", `() => fetch("http://192.0.2.1/")`, "connect 192.0.2.1:80"],
  ["fetch by name", `() => fetch("https://a.example/")`, "connect a.example:443"],
  ["net", `() => (await import("node:net")).connect(25, "192.0.2.1")`, "connect 192.0.2.1:25"],
  [
    "net, IPv6",
    `() => (await import("node:net")).connect({ port: 1, host: "2001:db8::1" })`,
    "connect 2001:db8::1:1",
  ],
  [
    "tls",
    `() => (await import("node:tls")).connect({ port: 443, host: "192.0.2.1" })`,
    "connect 192.0.2.1:443",
  ],
  ["http", `() => (await import("node:http")).get("http://192.0.2.1:81/")`, "connect 192.0.2.1:81"],
  [
    "https",
    `() => (await import("node:https")).get("https://192.0.2.1/")`,
    "connect 192.0.2.1:443",
  ],
  [
    "http2",
    `() => (await import("node:http2")).connect("http://192.0.2.1")`,
    "connect 192.0.2.1:80",
  ],
  [
    "dns by name",
    `() => (await import("node:dns/promises")).lookup("a.example")`,
    "dns lookup a.example",
  ],
  [
    "dns, callbacks",
    `() => (await import("node:dns")).resolve4("a.example", () => {})`,
    "dns resolve4 a.example",
  ],
  [
    "a resolver",
    `() => new (await import("node:dns")).promises.Resolver().resolveTxt("a.example")`,
    "dns resolveTxt a.example",
  ],
  [
    "udp",
    `() => (await import("node:dgram")).createSocket("udp4").send("x", 53, "192.0.2.1")`,
    "send udp 192.0.2.1",
  ],
  [
    "a child with an environment of its own",
    `async () => {
    const { execFile } = await import("node:child_process");
    await new Promise((done) => execFile(process.execPath, ["-e", "fetch('http://192.0.2.9').catch(() => {})"], { env: {} }, done));
  }`,
    "connect 192.0.2.9:80",
  ],
];

test.each(WAYS)(
  "%s cannot leave this machine, and what tried is written down",
  async (_, attempt, tried) => {
    await using world = await startWorld();
    const source = swallowing(attempt.replace(/^\(\) =>/u, "async () =>"));
    await world.node(["--input-type=module", "-e", source]);
    expect(await world.tried()).toContain(tried);
  },
);

test("loopback, sockets of files and names of this machine are let through", async () => {
  await using world = await startWorld();
  const source = `
    import { createServer } from "node:http";
    import { lookup } from "node:dns/promises";
    import { createSocket } from "node:dgram";
    import { connect } from "node:net";
    const server = createServer((_, response) => response.end("here"));
    await new Promise((done) => server.listen(0, "127.0.0.1", done));
    const { port } = server.address();
    for (const host of ["127.0.0.1", "localhost"]) {
      console.log(await (await fetch("http://" + host + ":" + port)).text());
    }
    await lookup("localhost");
    await new Promise((done) => connect({ path: "/nowhere/at/all" }).on("error", done));
    const udp = createSocket("udp4");
    await new Promise((done) => udp.send("x", port, "127.0.0.1", done));
    process.exit();`;
  const ran = await world.node(["--input-type=module", "-e", source]);
  expect(ran).toEqual({ code: 0, output: "here\nhere\n" });
  expect(await world.tried()).toBe("");
});

test("a database server that a person named is let through, and nothing beside it", async () => {
  await using world = await startWorld();
  const attempt = (host: string) =>
    swallowing(`() => (connect(1, "${host}").on("error", () => {}).destroy())`);
  const source = `import { connect } from "node:net";${attempt("192.0.2.7")}`;
  const environment = { TEST_DATABASE_URL: "postgres://tester@192.0.2.7:5432/test" };
  await world.node(["--input-type=module", "-e", source], environment);
  expect(await world.tried()).toBe("");
  await world.node(["--input-type=module", "-e", source]);
  expect(await world.tried()).toContain("connect 192.0.2.7:1");
});

// Goal: the guard is no decoration. Method: a run of vitest of its own, with the same two files, over a test that
// swallows the failure and passes.
test("a run in which something tried to leave fails, though all its tests pass", async () => {
  await using world = await startWorld();
  const here = (name: string) => JSON.stringify(join(import.meta.dirname, name));
  const config = (guarded: boolean) => `export default { test: {
    include: ["*.test.mjs"], globals: true, watch: false,
    ${guarded ? `setupFiles: [${here("preload.ts")}], globalSetup: [${here("global-setup.ts")}],` : ""}
  } };`;
  const swallows = `test("passes", async () => { await fetch("http://127.0.0.1:9/").catch(() => {}); });`;
  const leaves = swallows.replace("127.0.0.1:9", "192.0.2.1");
  await writeFile(join(world.folder, "vitest.config.mjs"), config(true));
  const vitest = join(import.meta.dirname, "../../../../node_modules/vitest/vitest.mjs");
  const run = async (source: string) => {
    await writeFile(join(world.folder, "one.test.mjs"), source);
    const args = [
      vitest,
      "run",
      "--root",
      world.folder,
      "--config",
      join(world.folder, "vitest.config.mjs"),
    ];
    // Without the log of the run around it, or it would take that one for its own.
    return world.run("/usr/bin/env", ["-u", LOG_VARIABLE, process.execPath, ...args]);
  };
  const left = await run(leaves);
  expect(left.output).toContain("1 passed");
  expect(left.output).toContain("Something tried to leave this machine:\nconnect 192.0.2.1:80");
  expect(left.code).toBe(1);
  expect(await run(swallows)).toMatchObject({ code: 0 });
});

test.each([
  ["127.0.0.1", true],
  ["127.9.9.9", true],
  ["::1", true],
  ["[::1]", true],
  ["::ffff:127.0.0.1", true],
  ["LOCALHOST", true],
  ["", true],
  ["0.0.0.0", true],
  ["128.0.0.1", false],
  ["10.0.0.1", false],
  ["169.254.169.254", false],
  ["127.0.0.1.example", false],
  ["localhost.example", false],
  ["::ffff:10.0.0.1", false],
])("%s is here: %s", (host, here) => {
  expect(isHere(host)).toBe(here);
});
