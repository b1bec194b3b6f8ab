import { ChildProcess } from "node:child_process";
import dgram from "node:dgram";
import dns from "node:dns";
import { appendFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import net from "node:net";

/** The file that every guarded process writes to what it was kept from. */
export const LOG_VARIABLE = "TRACER_NETWORK_GUARD_LOG";
const PRELOAD = new URL("preload.ts", import.meta.url).href;
const MARK = Symbol.for("tracer.network-guard");

/** What something tried to reach beyond this machine, such as `connect 192.0.2.1:443`. */
export class NetworkGuardError extends Error {
  override readonly name = "NetworkGuardError";
  readonly code = "ENETGUARD";
}

export interface GuardOptions {
  readonly environment: NodeJS.ProcessEnv;
}

/** True for this machine itself: loopback addresses, `localhost`, and addresses that mean "here". */
export function isHere(host: string): boolean {
  const bare = host.replace(/^\[|\]$/gu, "").toLowerCase();
  if (["", "localhost", "::1", "::", "0.0.0.0"].includes(bare)) return true;
  const v4 = bare.replace(/^::ffff:/u, "");
  return net.isIP(v4) === 4 && v4.startsWith("127.");
}

/**
 * Keeps this process, and the Node processes that it starts, on loopback: TCP (with all that is made of it, such
 * as `fetch`), UDP and DNS. What would leave it throws, and is written to the log, because the product turns a
 * failed connection into a verdict and goes on. A database server that a person named is let through.
 */
export function installNetworkGuard({ environment }: GuardOptions): void {
  if (MARK in net.Socket.prototype) return; // Each file of tests asks for it, in a process of many.
  Object.defineProperty(net.Socket.prototype, MARK, { value: true });
  const log = environment[LOG_VARIABLE] ?? "";
  const named = hostOf(environment["TEST_DATABASE_URL"]);
  const check = (what: string, host: string, port = "") => {
    if (isHere(host) || host === named) return;
    const tried = `${what} ${host}${port === "" ? "" : `:${port}`}`;
    const error = new NetworkGuardError(`A test may not leave this machine: ${tried}`);
    if (log !== "") appendFileSync(log, `${tried}, from ${callersOf(error)}\n`);
    throw error;
  };
  guardSockets(check);
  guardNames(check);
  guardChildren(environment);
  syncBuiltinESMExports(); // For those who import functions by name.
}

/** Where in this repository it came from. */
function callersOf({ stack = "" }: Error): string {
  const frames = stack.split("\n").filter((line) => /\/(?:apps|packages)\//u.test(line));
  const own = frames.filter((line) => !/node_modules|network-guard\/guard\.ts/u.test(line));
  const places = own.slice(0, 3).map((line) => line.trim().replace(/^at /u, ""));
  return places.join(" < ") || process.argv.slice(1, 4).join(" ");
}

type Check = (what: string, host: string, port?: string) => void;

function guardSockets(check: Check): void {
  replace(net.Socket.prototype, "connect", (args) => {
    const { host, port } = targetOf(args);
    check("connect", host, port);
  });
  replace(dgram.Socket.prototype, "connect", ([port, host]) => {
    check("connect udp", typeof host === "string" ? host : "", String(port));
  });
  replace(dgram.Socket.prototype, "send", (args) => {
    // (msg, [offset, length,] [port] [, address] [, callback]): the last text is the address, unless it is the message.
    const host = args.slice(1).findLast((arg) => typeof arg === "string");
    check("send udp", typeof host === "string" ? host : "");
  });
}

const QUESTIONS = ["lookup", "resolve", "resolve4", "resolve6", "resolveAny", "resolveCname"];
const MORE_QUESTIONS = ["resolveMx", "resolveNs", "resolveSrv", "resolveTxt", "reverse"];

function guardNames(check: Check): void {
  const askers = [dns, dns.promises, dns.Resolver.prototype, dns.promises.Resolver.prototype];
  for (const asker of askers) {
    for (const question of [...QUESTIONS, ...MORE_QUESTIONS]) {
      if (!(question in asker)) continue;
      replace(asker, question, ([host]) => {
        if (typeof host === "string" && net.isIP(host) === 0) check(`dns ${question}`, host);
      });
    }
  }
}

/** A child that is Node, too, loads the guard before anything else. */
function guardChildren(environment: NodeJS.ProcessEnv): void {
  const log = environment[LOG_VARIABLE];
  replace(ChildProcess.prototype, "spawn", ([options]) => {
    if (typeof options !== "object" || options === null || !("envPairs" in options)) return;
    const { envPairs } = options;
    const isNode = "file" in options && options.file === process.execPath;
    if (!isNode || !Array.isArray(envPairs)) return;
    const own = "NODE_OPTIONS=";
    const given = envPairs.findIndex((pair: unknown) => String(pair).startsWith(own));
    const before = given < 0 ? own : String(envPairs[given]);
    if (!before.includes(PRELOAD)) {
      const pair = `${before}${before === own ? "" : " "}--import=${PRELOAD}`;
      if (given < 0) envPairs.push(pair);
      else envPairs[given] = pair;
    }
    const hasLog = envPairs.some((pair: unknown) => String(pair).startsWith(`${LOG_VARIABLE}=`));
    if (log !== undefined && !hasLog) envPairs.push(`${LOG_VARIABLE}=${log}`);
  });
}

/** Runs `before` with the arguments of each call of a method; what it throws is what the call throws. */
function replace(owner: object, name: string, before: (args: readonly unknown[]) => void): void {
  const original: unknown = Reflect.get(owner, name);
  if (typeof original !== "function") throw new Error(`There is no ${name} to guard.`);
  const value = function guarded(this: unknown, ...args: unknown[]): unknown {
    before(args);
    return Reflect.apply(original, this, args);
  };
  Object.defineProperties(value, Object.getOwnPropertyDescriptors(original));
  Object.defineProperty(owner, name, { value, configurable: true, writable: true });
}

/** Where a socket is to connect to; no host: here. */
function targetOf(args: readonly unknown[]): { host: string; port: string } {
  const first: unknown = Array.isArray(args[0]) ? args[0][0] : args[0];
  if (typeof first === "object" && first !== null) {
    if ("path" in first && typeof first.path === "string") return { host: "", port: "" };
    const host = "host" in first && typeof first.host === "string" ? first.host : "";
    return { host, port: "port" in first ? String(first.port) : "" };
  }
  const host: unknown = args[1];
  return { host: typeof host === "string" ? host : "", port: String(first) };
}

function hostOf(url: string | undefined): string | null {
  return url === undefined ? null : (URL.parse(url)?.hostname ?? null);
}
