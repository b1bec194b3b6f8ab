import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { SyslogFramer } from "@tracer/ingest";
import type { SyslogCollector } from "./collector.ts";
import type { Losses } from "./losses.ts";

/** Senders connected at once. */
export const CONNECTIONS_MAX = 1_024;
/** A connection on which nothing comes for this long is closed. Senders lose what they write as it closes: long. */
export const IDLE_MS_MAX = 3_600_000;
/** A sender that is gone without a word is found out by this. */
const KEEP_ALIVE_MS = 60_000;
/** Senders may take this long to end when Tracer stops. */
const CLOSE_MS = 250;

export interface TcpOptions {
  readonly host: string;
  readonly port: number;
  readonly collector: SyslogCollector;
  readonly clipped: Losses;
  readonly refused: Losses;
  readonly broken: Losses;
  /** Default `CONNECTIONS_MAX`. */
  readonly connectionsMax?: number;
  /** Default `IDLE_MS_MAX`. */
  readonly idleMs?: number;
}

export interface SyslogTcp extends AsyncDisposable {
  readonly port: number;
}

/**
 * Receives syslog over TCP. A sender is not read while there is no room: its own queue fills, and nothing is
 * lost. Disposing it stops listening, tells the senders, and takes what they had sent.
 */
export async function startSyslogTcp(options: TcpOptions): Promise<SyslogTcp> {
  const sockets = new Map<Socket, Promise<void>>();
  const server = createServer((socket) => {
    const serving = serve(socket, options).finally(() => sockets.delete(socket));
    sockets.set(socket, serving);
  });
  server.maxConnections = options.connectionsMax ?? CONNECTIONS_MAX;
  server.on("drop", () => options.refused.add(1));
  server.listen(options.port, options.host);
  await once(server, "listening"); // Rejects with the server's error.
  return {
    port: portOf(server),
    [Symbol.asyncDispose]: async () => {
      server.close();
      for (const socket of sockets.keys()) socket.end();
      const ended = Promise.all(sockets.values());
      await Promise.race([ended, pause(CLOSE_MS)]);
      for (const socket of sockets.keys()) socket.destroy();
      await ended;
    },
  };
}

/** Reads one connection to its end. Never rejects. */
async function serve(socket: Socket, options: TcpOptions): Promise<void> {
  const { collector, clipped, broken, idleMs = IDLE_MS_MAX } = options;
  const framer = new SyslogFramer();
  const connection = { waits: false };
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
  socket.setTimeout(idleMs, () => {
    if (!connection.waits) socket.destroy();
  });
  let counted = 0;
  const receive = async (read: (take: TakeMessage) => void) => {
    // What the budget has no room for waits here: at most what one read of the socket brought.
    const late: Buffer[] = [];
    read((bytes, start, end) => {
      if (late.length === 0 && collector.add(bytes, start, end)) return;
      late.push(Buffer.from(bytes.subarray(start, end)));
    });
    clipped.add(framer.clipped - counted);
    counted = framer.clipped;
    for (const message of late) {
      while (!collector.add(message, 0, message.length)) await collector.pause();
    }
  };
  try {
    for await (const chunk of socket) {
      if (!Buffer.isBuffer(chunk)) continue;
      connection.waits = true;
      await collector.room();
      await receive((take) => framer.push(chunk, take));
      connection.waits = false;
      if (framer.broken) break;
    }
    await receive((take) => framer.end(take));
  } catch {
    // Reset by the sender, or closed by us. Messages that were complete are taken.
  }
  if (framer.broken) broken.add(1);
  socket.destroy();
}

type TakeMessage = (bytes: Uint8Array, start: number, end: number) => void;

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}
