import { once } from "node:events";
import { createServer, type IncomingMessage, request as sendRequest } from "node:http";
import { LEVELS } from "@tracer/core";
import { type CreateDecoder, messageOf, SeriesDirectory } from "@tracer/ingest";

export interface Recorded {
  /** Such as `POST /_bulk`, without the query. */
  readonly route: string;
  readonly contentType: string;
  readonly body: Buffer;
  readonly status: number;
}

export interface Recorder extends AsyncDisposable {
  readonly url: string;
  readonly requests: readonly Recorded[];
}

/** Stands between a shipper and Tracer: passes everything on as it is, and keeps what was said. */
export async function startRecorder(target: string): Promise<Recorder> {
  const requests: Recorded[] = [];
  const server = createServer(async (incoming, outgoing) => {
    const { method = "", url = "", headers } = incoming;
    const body = await bodyOf(incoming);
    const passedOn = sendRequest(`${target}${url}`, { method, headers });
    passedOn.end(body);
    const [answer]: IncomingMessage[] = await once(passedOn, "response");
    if (answer === undefined) return void outgoing.destroy();
    const { statusCode: status = 0 } = answer;
    const route = `${method} ${url.split("?")[0]}`;
    requests.push({ route, contentType: headers["content-type"] ?? "", body, status });
    outgoing.writeHead(status, answer.headers).end(await bodyOf(answer));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) if (Buffer.isBuffer(chunk)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** `level service message` of each record that a decoder finds in a body, and how long ago it was at most. */
export function recordsIn(create: CreateDecoder, body: Uint8Array): string[] {
  const directory = new SeriesDirectory();
  const receiptMs = Date.now();
  const projectId = directory.project("default");
  const records: string[] = [];
  const context = { directory, projectId, defaultService: "unknown", receiptMs };
  const decoder = create(Buffer.from(body), context, (batch) => {
    for (let row = 0; row < batch.length; row += 1) {
      const level = LEVELS[batch.level[row] ?? -1] ?? "?";
      const { service } = directory.key(batch.slot[row] ?? -1) ?? { service: "?" };
      const ageMs = receiptMs - (batch.timestampMs[row] ?? 0);
      const latencyMs = batch.latencyMs[row] ?? Number.NaN;
      const took = Number.isNaN(latencyMs) ? "" : ` ${latencyMs}ms`;
      const when = ageMs >= 0 && ageMs < 120_000 ? "" : ` at another time: ${ageMs} ms ago`;
      records.push(`${level} ${service} ${messageOf(batch, row, decoder.text)}${took}${when}`);
    }
  });
  while (!decoder.advance(1_000)) {}
  return records;
}
