import { createConnection, createServer } from "node:net";
import { describe, expect, test } from "vitest";
import { runTracer, startTracerProcess } from "./tracer-process.ts";
import { postLogs, until } from "./traffic.ts";

describe.concurrent("the command line", () => {
  test("usage: help on stdout and 0, an unknown command 2", async () => {
    const help = await runTracer(["--help"]);
    expect([help.code, help.stdout.includes("demo")]).toEqual([0, true]);
    const unknown = await runTracer(["strat"]);
    expect([unknown.code, unknown.stderr.includes("start")]).toEqual([2, true]);
  });

  test("a bad configuration: 78, every key named, no value printed", async () => {
    const { code, stderr } = await runTracer(["start"], {
      PORT: "http",
      SLACK_BOT_TOKEN: "xoxb-1-2",
    });
    expect(code).toBe(78);
    expect(stderr).toContain("PORT:");
    expect(stderr).toContain("SLACK_CHANNEL:");
    expect(stderr).not.toContain("xoxb");
  });

  test("check-config says what the environment means, without a secret", async () => {
    const environment = { SLACK_BOT_TOKEN: "xoxb-1-2", SLACK_CHANNEL: "C1" };
    const { code, stdout } = await runTracer(["check-config"], environment);
    expect(code).toBe(0);
    expect(stdout).toContain("slack (C1)");
    expect(stdout).not.toContain("xoxb");
  });

  test("a port in use: 69, names the key and a port that is free", async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    const address = taken.address();
    const port = typeof address === "object" && address !== null ? String(address.port) : "";
    const { code, stderr } = await runTracer(["start"], { PORT: port });
    taken.close();
    expect(code).toBe(69);
    expect(stderr).toContain(`PORT ${port}`);
    expect(stderr).toMatch(/PORT=\d+/);
  });

  test("a database that is not there: 69, and says so", async () => {
    const { code, stderr } = await runTracer(["start"], {
      DATABASE_URL: "postgres://nobody:x@127.0.0.1:1/none",
    });
    expect(code).toBe(69);
    expect(stderr).toContain("DATABASE_URL");
    expect(stderr).not.toContain("nobody:x");
  });

  test("a second Tracer on the same folder is refused, and the first goes on", async () => {
    await using first = await startTracerProcess();
    const second = await runTracer(["start"], { DATA_DIR: first.dataDir });
    expect(second.code).toBe(69);
    expect(second.stderr).toContain("DATA_DIR_LOCKED");
    expect(second.stderr).toContain(first.dataDir);
    expect((await fetch(`${first.url}/readyz`)).status).toBe(200);
  });

  test("SIGTERM: refuses, finishes and ends with 0", async () => {
    await using tracer = await startTracerProcess();
    await postLogs(tracer.url, '{"message":"hello"}');
    expect(await tracer.stop("SIGTERM")).toBe(0);
  });

  test("SIGTERM with an upload that never ends: cut off, and still an orderly end", async () => {
    await using tracer = await startTracerProcess();
    const socket = createConnection({ host: "127.0.0.1", port: Number(new URL(tracer.url).port) });
    socket.on("error", () => {});
    socket.write("POST /logs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9000000\r\n\r\n{");
    await until("the upload", 5_000, async () => {
      const text = await (await fetch(`${tracer.url}/metrics`)).text();
      return /tracer_ingest_in_flight_bytes [1-9]/.test(text);
    });
    expect(await tracer.stop("SIGTERM")).toBe(0);
    socket.destroy();
  });

  test("nobody reads its output: the demo ends, the service goes on and keeps its alerts", async () => {
    const demo = await runTracer(["demo"], {}, { closeOutput: true });
    expect([demo.code, demo.stderr.includes("EPIPE")]).toEqual([0, false]);
    await using tracer = await startTracerProcess({}, { closeOutput: true });
    expect((await postLogs(tracer.url, '{"message":"hello"}')).status).toBe(202);
  });

  test("listening beyond loopback without a key: two are made, shown once, and needed", async () => {
    await using tracer = await startTracerProcess({ HOST: "0.0.0.0" });
    const url = tracer.url.replace("0.0.0.0", "127.0.0.1");
    const [ingest, admin] = [...tracer.stderr().matchAll(/trc_default_[0-9a-f]+/g)].map(String);
    expect(ingest).toBeDefined();
    expect((await postLogs(url, '{"message":"x"}')).status).toBe(401);
    const bearer = (key: string | undefined) => ({ authorization: `Bearer ${key}` });
    expect((await postLogs(url, '{"message":"x"}', bearer(ingest))).status).toBe(202);
    expect((await fetch(`${url}/api/v1/incidents`, { headers: bearer(ingest) })).status).toBe(403);
    expect((await fetch(`${url}/api/v1/incidents`, { headers: bearer(admin) })).status).toBe(200);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    expect(await (await fetch(`${url}/readyz`)).json()).toEqual({ status: "ready" });
  });

  test("the demo: one alert, its resolve, and 0", async () => {
    const { code, stdout } = await runTracer(["demo"]);
    expect(code).toBe(0);
    expect(stdout.match(/error rate spike/g)?.length).toBe(2);
    expect(stdout).toContain("RESOLVED");
    expect(stdout).toContain("1 incident, 1 alert, 1 resolve.");
    expect(stdout).not.toMatch(/NaN|Infinity|undefined|jane@example/);
  });
});
