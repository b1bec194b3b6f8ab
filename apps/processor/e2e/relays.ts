import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { connect, createServer } from "node:net";
import { LEVELS } from "@tracer/core";
import { type CreateDecoder, messageOf, SeriesDirectory, SyslogFramer } from "@tracer/ingest";

// Relays between a shipper and Tracer that keep a copy of what went through, and what a copy says, row by row.

export interface Row {
  readonly level: string | undefined;
  readonly service: string | undefined;
  readonly environment: string | undefined;
  readonly message: string | null;
  readonly latencyMs: number | undefined;
  readonly ageMs: number;
}

/** The rows that a decoder makes of a body. */
export function rowsOf(body: Buffer, createDecoder: CreateDecoder): Row[] {
  const directory = new SeriesDirectory();
  const receiptMs = Date.now();
  const rows: Row[] = [];
  const context = { directory, projectId: directory.project("default"), receiptMs };
  const decoder = createDecoder(body, { ...context, defaultService: "unknown" }, (batch) => {
    for (let row = 0; row < batch.length; row += 1) {
      const key = directory.key(batch.slot[row] ?? -1);
      rows.push({
        level: LEVELS[batch.level[row] ?? -1],
        service: key?.service,
        environment: key?.environment,
        message: messageOf(batch, row, decoder.text),
        latencyMs: batch.latencyMs[row],
        ageMs: receiptMs - (batch.timestampMs[row] ?? Number.NaN),
      });
    }
  });
  while (!decoder.advance(1_000_000));
  return rows;
}

export async function relayTcp(port: number) {
  const connections: Buffer[][] = [];
  const server = createServer((socket) => {
    const chunks: Buffer[] = [];
    connections.push(chunks);
    const onward = connect({ port, host: "127.0.0.1" });
    socket.on("data", (chunk) => {
      chunks.push(chunk);
      onward.write(chunk);
    });
    socket.on("close", () => onward.end());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const url = `tcp://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
  return { url, connections, [Symbol.dispose]: () => void server.close() };
}

export async function relayUdp(port: number) {
  const datagrams: Buffer[] = [];
  const socket = createSocket("udp4");
  socket.on("message", (message) => {
    datagrams.push(message);
    socket.send(message, port, "127.0.0.1");
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const url = `udp://127.0.0.1:${socket.address().port}`;
  return { url, datagrams, [Symbol.dispose]: () => void socket.close() };
}

interface Recorded {
  readonly path: string;
  readonly type: string;
  readonly body: Buffer;
}

export async function relayHttp(tracerUrl: string) {
  const requests: Recorded[] = [];
  const server = createHttpServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray());
    const path = request.url ?? "";
    if (body.length > 0) requests.push({ path, type: request.headers["content-type"] ?? "", body });
    const headers = { "content-type": request.headers["content-type"] ?? "" };
    const method = request.method ?? "GET";
    const sent = body.length > 0 ? { headers, body } : {};
    const answer = await fetch(`${tracerUrl}${path}`, { method, ...sent });
    response.writeHead(answer.status, {
      "content-type": answer.headers.get("content-type") ?? "application/json",
    });
    response.end(await answer.text());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
  return { url, requests, [Symbol.dispose]: () => void server.close() };
}

/** The messages of syslog connections, in the order in which they were made. */
export function framesOf(connections: readonly (readonly Buffer[])[]): Buffer[] {
  const frames: Buffer[] = [];
  const take = (bytes: Uint8Array, start: number, end: number) =>
    frames.push(Buffer.from(bytes.slice(start, end)));
  for (const chunks of connections) {
    const framer = new SyslogFramer();
    for (const chunk of chunks) framer.push(chunk, take);
    framer.end(take);
  }
  return frames;
}
