import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  createTestDatabase,
  type FaultProxyMode,
  startFakePagerduty,
  startFaultProxy,
} from "@tracer/testkit";
import { describe, expect, test } from "vitest";
import { startTracerProcess, temporaryFolder } from "./tracer-process.ts";
import { pause, postLogs, seeded, traffic, until } from "./traffic.ts";

const MINUTE_MS = 60_000;
const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));

/** A process that is not waited for until it is ready. */
function spawnStart(environment: Record<string, string>, cwd: string) {
  const child = spawn(process.execPath, [MAIN, "start"], {
    cwd,
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], PORT: "0", ...environment },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const output = { stderr: "" };
  child.stderr.setEncoding("utf8").on("data", (text: string) => (output.stderr += text));
  const exit = once(child, "exit");
  return {
    stderr: () => output.stderr,
    stop: async (signal: NodeJS.Signals) => {
      child.kill(signal);
      await exit;
      return child.exitCode ?? child.signalCode;
    },
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await exit;
    },
  };
}

async function connections(proxy: { readonly connectionsTotal: number }, count: number) {
  await until(`${count} connections`, 30_000, () => proxy.connectionsTotal >= count);
}

// That it ended in time is its exit code: a stop that takes 10 s is cut off with another one.
describe.concurrent("SIGTERM ends a process with exit 0", () => {
  test.each(["refuse", "blackHole", { delayMs: 900 }] satisfies FaultProxyMode[])(
    "the database: %j, a moment before, with 10,000 services and a provider that hangs",
    async (mode) => {
      await using database = await createTestDatabase();
      await using proxy = await startFaultProxy({ target: database.connectionString });
      await using pagerduty = await startFakePagerduty();
      await using tracer = await startTracerProcess({
        DATABASE_URL: proxy.url,
        LATENESS_SECONDS: "0",
        PAGERDUTY_ROUTING_KEY: pagerduty.routingKey,
        PAGERDUTY_EVENTS_URL: pagerduty.eventsUrl,
      });
      const names = Array.from({ length: 10_000 }, (_, index) => `service-${index}`);
      const nowMs = Date.now();
      const lines = names.map((service) => JSON.stringify({ service, message: "hello" }));
      expect((await postLogs(tracer.url, lines.join("\n"))).status).toBe(202);
      const random = seeded(17);
      const post = (service: string, fromMs: number, toMs: number, errorShare: number) =>
        postLogs(
          tracer.url,
          traffic({ service, fromMs, toMs, perMinute: 300, errorShare, random }),
        );
      for (const service of ["checkout", "search", "payments"]) {
        await post(service, nowMs - 30 * MINUTE_MS, nowMs - MINUTE_MS, 0.02);
      }
      pagerduty.fail({ route: "enqueue", when: "before", times: 50, delayMs: 30_000 });
      for (const service of ["checkout", "search", "payments"]) {
        await post(service, nowMs - MINUTE_MS, Date.now(), 0.5);
      }
      await until("a message under way", 40_000, async () => {
        await post("checkout", Date.now() - 1_000, Date.now(), 0.5);
        await pause(500);
        return pagerduty.requests.length > 0;
      });
      await proxy.set(mode);
      expect(await tracer.stop("SIGTERM")).toBe(0);
    },
  );

  test("while it starts: the database hangs, or a spill file of 64 MiB is read", async () => {
    await using folder = await temporaryFolder();
    await using database = await createTestDatabase();
    await using proxy = await startFaultProxy({ target: database.connectionString });
    await proxy.set("blackHole");
    const environment = { DATABASE_URL: proxy.url, DATA_DIR: join(folder.path, "data") };
    await using hung = spawnStart(environment, folder.path);
    await connections(proxy, 1);
    expect(await hung.stop("SIGTERM")).toBe(0);

    await proxy.set("pass");
    await mkdir(join(environment.DATA_DIR, "slot-0"), { recursive: true });
    await writeFile(join(environment.DATA_DIR, "slot-0", "spill.log"), Buffer.alloc(2 ** 26, 0xff));
    const before = proxy.connectionsTotal;
    await using reading = spawnStart(environment, folder.path);
    await connections(proxy, before + 2);
    expect(await reading.stop("SIGTERM")).toBe(0);
  });
});
