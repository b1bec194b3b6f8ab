import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { z } from "zod";
import { baseUrlOf } from "../commands/api-client.ts";
import type { Config } from "../config.ts";
import { freePort } from "../free-port.ts";
import type { Checked } from "./finding.ts";

const ANSWER_MS_MAX = 3_000;
const Version = z.looseObject({ version: z.string() });

/** The ports that Tracer listens on: free, or taken by a Tracer. */
export async function checkPorts(config: Config): Promise<Checked[]> {
  const running = await runningVersion(config);
  const checks = [await checkHttp(config, running)];
  const { syslog } = config;
  if (syslog === null || syslog.port === 0) return checks;
  for (const [protocol, listen] of [
    ["TCP", listenTcp],
    ["UDP", listenUdp],
  ] as const) {
    const code = await listen(syslog.host, syslog.port);
    checks.push(
      portFinding({
        name: `SYSLOG_PORT ${syslog.port} ${protocol}`,
        code,
        // Whose it is cannot be asked.
        owner: running === null ? null : `Tracer ${running} runs here, and may have it`,
        fix: "set SYSLOG_PORT to a port that is free, or end what has it",
      }),
    );
  }
  return checks;
}

async function checkHttp(config: Config, running: string | null): Promise<Checked> {
  const { host, port } = config;
  if (port === 0) {
    return { area: "port", name: "PORT 0", state: "ok", detail: "any free one", fix: null };
  }
  const code = await listenTcp(host, port);
  const spare = code === "EADDRINUSE" ? await freePort(host).catch(() => null) : null;
  const other = spare === null ? "set PORT to another" : `set PORT to another, such as ${spare}`;
  return portFinding({
    name: `PORT ${port}`,
    code,
    owner: running === null ? null : `Tracer ${running} answers there`,
    fix: `end what has it, or ${other}`,
  });
}

interface PortOptions {
  readonly name: string;
  /** Null: it could be listened on. */
  readonly code: string | null;
  readonly owner: string | null;
  readonly fix: string;
}

function portFinding({ name, code, owner, fix }: PortOptions): Checked {
  const about = { area: "port", name } as const;
  if (code === null) return { ...about, state: "ok", detail: "is free", fix: null };
  if (code === "EADDRINUSE") {
    return owner === null
      ? { ...about, state: "failed", detail: "is taken by another program", fix }
      : { ...about, state: "ok", detail: owner, fix: null };
  }
  if (code === "EACCES") {
    const detail = "may not be listened on by this user";
    return { ...about, state: "failed", detail, fix: "use a port above 1023" };
  }
  const detail = `cannot be listened on (${code})`;
  return { ...about, state: "failed", detail, fix: "HOST must be an address of this machine" };
}

/** The version of the Tracer that answers at HOST and PORT; null when none does. */
async function runningVersion(config: Config): Promise<string | null> {
  if (config.port === 0) return null;
  try {
    const url = `${baseUrlOf(config)}/version`;
    const response = await fetch(url, {
      redirect: "manual",
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    });
    const body = Version.safeParse(await response.json());
    return body.success ? body.data.version : null;
  } catch {
    return null;
  }
}

/** Null when it worked, else the error's code. */
function listenTcp(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "unknown"));
    server.listen({ host: bare(host), port, exclusive: true }, () => {
      server.close(() => resolve(null));
    });
  });
}

function listenUdp(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const address = bare(host);
    const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
    socket.once("error", (error: NodeJS.ErrnoException) => {
      socket.close();
      resolve(error.code ?? "unknown");
    });
    socket.bind(port, address, () => socket.close(() => resolve(null)));
  });
}

function bare(host: string): string {
  return host.replace(/^\[|\]$/gu, "");
}
