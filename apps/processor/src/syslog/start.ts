import { type Clock, TracerError } from "@tracer/core";
import type { SyslogConfig } from "../config.ts";
import { freePort } from "../free-port.ts";
import type { InFlight } from "../http/in-flight.ts";
import type { Observe } from "../observe.ts";
import type { Pipeline } from "../pipeline.ts";
import { SyslogCollector } from "./collector.ts";
import { Losses, type LossesOptions } from "./losses.ts";
import { startSyslogTcp, type TcpOptions } from "./tcp.ts";
import { startSyslogUdp } from "./udp.ts";

export interface SyslogOptions {
  readonly config: SyslogConfig;
  readonly pipeline: Pick<Pipeline, "ingest">;
  readonly inFlight: InFlight;
  readonly observe: Observe;
  readonly clock: Clock;
  /** For tests. */
  readonly limits?: Pick<TcpOptions, "connectionsMax" | "idleMs">;
}

export interface Syslog extends AsyncDisposable {
  /** Of both, TCP and UDP. */
  readonly port: number;
}

/** Messages that may wait to be counted. Over TCP the senders' own queues take the rest; bursts of UDP need the room. */
const TCP_WAITING_BYTES_MAX = 4 * 1024 * 1024;
const UDP_WAITING_BYTES_MAX = 32 * 1024 * 1024;
/** Ports tried when any would do: each must be free for both. */
const PORT_TRIES_MAX = 8;

/**
 * Receives syslog over TCP and UDP, without keys, for the project `default`. Disposing it counts what was
 * received. Throws PORT_IN_USE.
 */
export async function startSyslog(options: SyslogOptions): Promise<Syslog> {
  const { config, pipeline, inFlight, observe } = options;
  if (!config.loopback) {
    observe({
      name: "config_warning",
      message:
        "Syslog has no keys: whoever can reach SYSLOG_PORT can send records to the project default. Let a firewall decide who can.",
    });
  }
  await using stack = new AsyncDisposableStack();
  const ingest = pipeline.ingest.bind(pipeline);
  const collectorOf = (protocol: string, bytesMax: number) => {
    const collector = new SyslogCollector({ protocol, bytesMax, ingest, inFlight, observe });
    stack.defer(() => collector.drain());
    return collector;
  };
  const { monotonicMs } = options.clock;
  const lossesOf = (protocol: string, what: LossesOptions["what"]) =>
    stack.use(new Losses({ protocol, what, monotonicMs, observe }));
  const tcp = {
    ...{ host: config.host, collector: collectorOf("syslog", TCP_WAITING_BYTES_MAX) },
    clipped: lossesOf("syslog", "clipped"),
    refused: lossesOf("syslog", "connection_refused"),
    broken: lossesOf("syslog", "connection_broken"),
    ...options.limits,
  };
  const udp = {
    ...{ host: config.host, collector: collectorOf("syslog-udp", UDP_WAITING_BYTES_MAX) },
    dropped: lossesOf("syslog-udp", "dropped"),
    onError: (error: Error) => observe({ name: "loop_failed", loop: "syslog-udp", error }),
  };
  const port = await listenOnBoth(stack, { tcp, udp, port: config.port, host: config.host });
  observe({ name: "syslog_ready", host: config.host, port });
  const owned = stack.move();
  return { port, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

interface Both {
  readonly host: string;
  readonly port: number;
  readonly tcp: Omit<TcpOptions, "port">;
  readonly udp: Omit<Parameters<typeof startSyslogUdp>[0], "port">;
}

/** The port on which both listen. */
async function listenOnBoth(stack: AsyncDisposableStack, both: Both): Promise<number> {
  for (let tries = 1; ; tries += 1) {
    await using attempt = new AsyncDisposableStack();
    try {
      const tcp = attempt.use(await startSyslogTcp({ ...both.tcp, port: both.port }));
      attempt.use(await startSyslogUdp({ ...both.udp, port: tcp.port }));
      stack.use(attempt.move());
      return tcp.port;
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : "";
      if (code !== "EADDRINUSE") throw error;
      if (both.port === 0 && tries < PORT_TRIES_MAX) continue;
      const free = await freePort(both.host);
      throw new TracerError(
        "PORT_IN_USE",
        `SYSLOG_PORT ${both.port} on ${both.host} is taken by another program. Port ${free} is free: SYSLOG_PORT=${free}`,
        { cause: error },
      );
    }
  }
}
