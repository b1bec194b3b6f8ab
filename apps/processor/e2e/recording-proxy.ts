import { once } from "node:events";
import { createServer } from "node:http";
import { gunzipSync } from "node:zlib";

/** What a shipper sent, and what it was answered. */
export interface Exchange {
  readonly path: string;
  readonly contentType: string;
  /** Inflated. */
  readonly body: Buffer;
  readonly status: number;
}

export interface RecordingProxy extends AsyncDisposable {
  readonly url: string;
  readonly exchanges: readonly Exchange[];
}

/** Stands before Tracer on loopback: hands everything on as it is, and keeps it. */
export async function startRecordingProxy(target: string): Promise<RecordingProxy> {
  const exchanges: Exchange[] = [];
  const server = createServer(async (request, reply) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) if (Buffer.isBuffer(chunk)) chunks.push(chunk);
    const sent = Buffer.concat(chunks);
    const headers = new Headers();
    for (const [name, value] of Object.entries(request.headers)) {
      const hop = ["host", "connection", "transfer-encoding", "content-length"].includes(name);
      if (!hop && value !== undefined) headers.set(name, String(value));
    }
    const path = request.url ?? "/";
    const response = await fetch(`${target}${path}`, {
      ...{ method: request.method ?? "POST", headers },
      body: new Uint8Array(sent),
    });
    const isZipped = request.headers["content-encoding"] === "gzip";
    exchanges.push({
      path,
      contentType: request.headers["content-type"] ?? "",
      body: isZipped ? gunzipSync(sent) : sent,
      status: response.status,
    });
    reply.writeHead(response.status, {
      "content-type": response.headers.get("content-type") ?? "text/plain",
    });
    reply.end(Buffer.from(await response.arrayBuffer()));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    exchanges,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
