import { once } from "node:events";
import { createConnection, createServer, type Server, type Socket } from "node:net";

/**
 * What happens to connections:
 * - `pass`: bytes go through.
 * - `refuse`: the port is closed, and what was open is reset.
 * - `cut`: what is open is reset, and so is each new connection as soon as it is accepted.
 * - `blackHole`: connections are accepted and stay open; nothing goes through, nothing is answered. When
 *   another mode follows, bytes that were sent meanwhile go on, as after a network's partition.
 * - `delayMs`: every piece goes through so much later, in both directions.
 */
export type FaultProxyMode = "pass" | "refuse" | "cut" | "blackHole" | { readonly delayMs: number };

export interface FaultProxyOptions {
  /** Where the real server is: a connection string or any URL with a host and a port. */
  readonly target: string;
}

/** A TCP proxy on loopback in front of a real server, whose faults can be switched at any time. */
export interface FaultProxy extends AsyncDisposable {
  /** The target's URL, with the proxy's host and port. */
  readonly url: string;
  /** Accepted since the start, whatever became of them. */
  readonly connectionsTotal: number;
  readonly connectionsOpen: number;
  /** New connections go there: the server has moved. The URL, with its user and path, stays. */
  retarget(target: string): void;
  /** Takes effect before it resolves. */
  set(mode: FaultProxyMode): Promise<void>;
  /** Resets open connections, those that `pick` chooses by their place (oldest 0), else all. Says how many. */
  reset(pick?: (index: number) => boolean): number;
}

interface Pair {
  readonly client: Socket;
  upstream: Socket | null;
}

const HOST = "127.0.0.1";

export async function startFaultProxy({ target }: FaultProxyOptions): Promise<FaultProxy> {
  const url = new URL(target);
  let server = addressOf(target);
  const pairs = new Set<Pair>();
  let mode: FaultProxyMode = "pass";
  let total = 0;
  const modeNow = () => mode;
  const listener = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => {
    total += 1;
    client.setNoDelay(true);
    if (mode === "cut" || mode === "refuse") return void client.resetAndDestroy();
    const pair: Pair = { client, upstream: null };
    pairs.add(pair);
    client.on("error", () => reset(pair));
    client.on("close", () => reset(pair));
    if (mode !== "blackHole") connect(pair);
  });
  const connect = (pair: Pair) => {
    const upstream = createConnection({ ...server, allowHalfOpen: true });
    upstream.setNoDelay(true);
    pair.upstream = upstream;
    upstream.on("error", () => reset(pair));
    upstream.on("close", () => reset(pair));
    forward(pair.client, upstream, modeNow);
    forward(upstream, pair.client, modeNow);
    pair.client.resume();
  };
  const reset = (pair: Pair) => {
    if (!pairs.delete(pair)) return;
    for (const socket of [pair.client, pair.upstream]) {
      if (socket !== null && !socket.destroyed) socket.resetAndDestroy();
    }
  };
  const resetSome = (pick: (index: number) => boolean = () => true) => {
    const picked = [...pairs].filter((_, index) => pick(index));
    for (const pair of picked) reset(pair);
    return picked.length;
  };
  await listen(listener, 0);
  const port = portOf(listener);
  url.hostname = HOST;
  url.port = String(port);
  const set = async (next: FaultProxyMode) => {
    mode = next;
    if (next === "refuse" || next === "cut") resetSome();
    for (const { client, upstream } of pairs) {
      for (const socket of [client, upstream]) {
        if (next === "blackHole") socket?.pause();
        else socket?.resume();
      }
    }
    if (next === "refuse" && listener.listening) listener.close();
    if (next !== "refuse" && !listener.listening) await listen(listener, port);
    if (next === "blackHole") return;
    for (const pair of pairs) if (pair.upstream === null) connect(pair);
  };
  return {
    url: url.toString(),
    get connectionsTotal() {
      return total;
    },
    get connectionsOpen() {
      return pairs.size;
    },
    set,
    retarget: (moved) => {
      server = addressOf(moved);
    },
    reset: resetSome,
    [Symbol.asyncDispose]: async () => {
      resetSome();
      if (!listener.listening) return;
      listener.close();
      await once(listener, "close");
    },
  };
}

function addressOf(target: string): { host: string; port: number } {
  const { hostname, port } = new URL(target);
  return { host: hostname, port: Number(port) || 5432 };
}

/** Pieces stay in order, also when the delay changes between two of them. */
function forward(from: Socket, to: Socket, mode: () => FaultProxyMode): void {
  let freeAtMs = 0;
  const waiting: (() => void)[] = [];
  const after = (act: () => void) => {
    const current = mode();
    const delayMs = typeof current === "object" ? current.delayMs : 0;
    const nowMs = performance.now();
    freeAtMs = Math.max(freeAtMs, nowMs + delayMs);
    if (freeAtMs <= nowMs && waiting.length === 0) return act();
    waiting.push(act);
    // Timers may be late, and so overtake each other: whichever comes lets the oldest through.
    setTimeout(() => waiting.shift()?.(), Math.max(0, freeAtMs - nowMs));
  };
  from.on("data", (bytes) =>
    after(() => {
      if (to.writable && !to.write(bytes)) {
        from.pause();
        to.once("drain", () => mode() !== "blackHole" && from.resume());
      }
    }),
  );
  from.on("end", () => after(() => to.end()));
}

async function listen(listener: Server, port: number): Promise<void> {
  listener.listen(port, HOST);
  await once(listener, "listening"); // Rejects with the listener's error.
}

function portOf(listener: Server): number {
  const address = listener.address();
  if (typeof address === "object" && address !== null) return address.port;
  throw new Error("The proxy does not listen.");
}
