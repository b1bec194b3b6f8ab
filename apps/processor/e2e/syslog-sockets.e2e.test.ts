import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect } from "node:net";
import { systemClock } from "@tracer/core";
import { createSyslogDecoder, type DecodeReport } from "@tracer/ingest";
import { expect, test } from "vitest";
import { recordingObserve } from "../src/fixtures.test-helper.ts";
import { InFlight } from "../src/http/in-flight.ts";
import { startSyslog } from "../src/syslog/start.ts";
import { type Row, rowsOf } from "./relays.ts";

// Goal: over TCP nothing is lost, however the messages are framed and however busy Tracer is; over UDP what is lost
// is counted. Method: the real sockets, with a pipeline behind them that waits until it is let go.

async function startWorld({ open = true } = {}) {
  const rows: Row[] = [];
  const observe = recordingObserve();
  const gate = Promise.withResolvers<void>();
  if (open) gate.resolve();
  const ingest = async (bytes: Uint8Array): Promise<DecodeReport> => {
    await gate.promise;
    const batch = rowsOf(Buffer.from(bytes), createSyslogDecoder);
    rows.push(...batch);
    return {
      accepted: batch.length,
      rejected: 0,
      errors: [],
      warnings: [],
      warningCount: 0,
      future: 0,
    };
  };
  const syslog = await startSyslog({
    config: { host: "127.0.0.1", port: 0, loopback: true },
    pipeline: { ingest },
    inFlight: new InFlight(),
    clock: systemClock,
    observe,
  });
  const dropped = () =>
    observe.events.reduce(
      (sum, event) =>
        event.name === "syslog_loss" && event.what === "dropped" ? sum + event.count : sum,
      0,
    );
  return { rows, syslog, dropped, letGo: gate.resolve };
}

/** Sends to a TCP port, each part by itself, and ends. */
async function sendTcp(port: number, parts: readonly (string | Buffer)[]): Promise<void> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  await once(socket, "connect");
  for (const part of parts) {
    await new Promise<void>((resolve) => socket.write(part, () => setImmediate(resolve)));
  }
  socket.end();
  await once(socket, "close");
}

const MODERN = "<131>1 2026-06-01T11:59:59Z web shop 77 ID47 - \uFEFFpayment failed";
const OLD = "<131>Jun  1 11:59:59 web shop[77]: payment failed";
const octets = (text: string) => `${Buffer.byteLength(text)} ${text}`;

test.each([
  ["lines, RFC 5424", [`${MODERN}\n`, `${MODERN}\n`]],
  ["lines, RFC 3164, the last without an end", [`${OLD}\n${OLD}`]],
  ["octet counting, RFC 5424", [octets(MODERN) + octets(MODERN)]],
  ["octet counting, RFC 3164", [octets(OLD), octets(OLD)]],
  ["both on one connection", [`${octets(MODERN)}${OLD}\n`]],
  [
    "a byte at a time",
    [...Buffer.from(octets(MODERN) + octets(OLD))].map((byte) => Buffer.of(byte)),
  ],
])("%s", async (_name, parts) => {
  const { rows, syslog } = await startWorld();
  await sendTcp(syslog.port, parts);
  await expect.poll(() => rows.length).toBe(2);
  await syslog[Symbol.asyncDispose]();
  expect(rows.map(({ level, service, message }) => [level, service, message])).toEqual([
    ["error", "shop", "payment failed"],
    ["error", "shop", "payment failed"],
  ]);
});

test("TCP over the limit: the sender has to wait, and then all of it is counted", async () => {
  const { rows, syslog, letGo } = await startWorld({ open: false });
  const count = 20_000;
  const filler = "x".repeat(1_000);
  const sent = Array.from({ length: count }, (_, at) => octets(`${OLD} ${at} ${filler}`)).join("");
  const socket = connect({ port: syslog.port, host: "127.0.0.1" });
  await once(socket, "connect");
  let written = false;
  socket.write(sent, () => {
    written = true;
  });
  // It has stopped when twice in a row nothing more has gone out; 20 MB are far beyond what may wait and all sockets' room.
  let before = -1;
  await expect
    .poll(
      () => {
        const stopped =
          socket.writableLength > 0 && socket.bytesWritten > 0 && rows.length === before;
        before = rows.length;
        return stopped;
      },
      { interval: 100, timeout: 20_000 },
    )
    .toBe(true);
  expect([written, rows.length]).toEqual([false, 0]);
  letGo();
  socket.end();
  await expect.poll(() => rows.length, { timeout: 30_000 }).toBe(count);
  await syslog[Symbol.asyncDispose]();
  const numbers = rows.map(({ message }) => Number(message?.split(" ")[2]));
  expect(numbers).toEqual(Array.from({ length: count }, (_, at) => at));
});

test("UDP over the limit: what is not counted is counted as dropped", async () => {
  const { rows, syslog, dropped, letGo } = await startWorld({ open: false });
  const socket = createSocket("udp4");
  const filler = "x".repeat(50_000);
  const count = 1_000; // 50 MB, and 32 MiB may wait.
  for (let at = 0; at < count; at += 1) {
    const message = `${OLD} ${at} ${filler}`;
    await new Promise<void>((resolve) =>
      socket.send(message, syslog.port, "127.0.0.1", () => setImmediate(resolve)),
    );
  }
  socket.close();
  letGo();
  await syslog[Symbol.asyncDispose]();
  const lost = dropped();
  expect(rows.length).toBeGreaterThan(600);
  expect(lost).toBeGreaterThan(0);
  // The system itself may lose some that nobody can count.
  expect(rows.length + lost).toBeLessThanOrEqual(count);
  expect(rows.length + lost).toBeGreaterThan(count * 0.9);
});
