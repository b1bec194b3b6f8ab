import { createSocket } from "node:dgram";
import { once } from "node:events";
import { isIPv6 } from "node:net";
import type { SyslogCollector } from "./collector.ts";
import type { Losses } from "./losses.ts";

/** Asked of the system for datagrams that came while others were counted; it may give less. */
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;

export interface UdpOptions {
  readonly host: string;
  readonly port: number;
  readonly collector: SyslogCollector;
  /** Told of each datagram for which there was no room. */
  readonly dropped: Losses;
  /** Told what the socket cannot go on from. */
  readonly onError: (error: Error) => void;
}

/** Receives syslog over UDP, a message a datagram. Whoever sends cannot be told to wait: what is too much is dropped. */
export async function startSyslogUdp(options: UdpOptions): Promise<AsyncDisposable> {
  const { host, port, collector, dropped, onError } = options;
  const socket = createSocket({
    type: isIPv6(host) ? "udp6" : "udp4",
    recvBufferSize: RECEIVE_BUFFER_BYTES,
  });
  socket.on("message", (message) => {
    if (message.length === 0) return;
    if (collector.isFull || !collector.add(message, 0, message.length)) dropped.add(1);
  });
  socket.bind(port, host);
  await once(socket, "listening");
  socket.on("error", onError);
  return {
    [Symbol.asyncDispose]: async () => {
      // What the system had received before is handed on in a turn of the event loop.
      await new Promise((resolve) => setImmediate(resolve));
      const closed = once(socket, "close");
      socket.close();
      await closed;
    },
  };
}
