/** When the records of the benches are received. */
export const RECEIPT_MS = Date.parse("2026-06-01T12:00:00Z");

const iso = (at: number) => new Date(RECEIPT_MS - 60_000 + at * 2).toISOString();
const SENTENCE =
  "Something long happened while talking to the backend; it was not what we wanted. ";
const STACK =
  "Error: boom\n    at foo (/app/src/foo.js:10:11)\n    at bar (/app/node_modules/lib/index.js:300:33)\n";

/** Records as loggers write them, by the shape's name. */
export const SHAPES: Readonly<Record<string, (at: number) => unknown>> = {
  pino: (at) => ({
    ...{ level: at % 50 === 0 ? 50 : 30, time: RECEIPT_MS - 60_000 + at * 2, pid: 4711 },
    ...{ hostname: `web-${at % 7}`, service: `service-${at % 40}`, reqId: `req-${at}` },
    req: { method: "GET", url: `/orders/${at % 1000}?page=2`, remoteAddress: "10.0.0.7" },
    responseTime: (at % 300) + 0.25,
    msg: "request completed for the shop front",
  }),
  ecs: (at) => ({
    ...{ "@timestamp": iso(at), "log.level": at % 30 === 0 ? "error" : "info" },
    message: `Order ${at} was taken from the queue and handed to the worker`,
    "ecs.version": "8.10.0",
    service: { name: `service-${at % 40}`, version: "1.2.3" },
    process: { pid: 123, thread: { name: "main" } },
    event: { dataset: "app" },
    trace: { id: "4bf92f3577b34da6a3ce929d0e0e4736" },
    labels: { tier: "front", zone: "a" },
  }),
  long: (at) => ({
    ...{ timestamp: iso(at), level: at % 20 === 0 ? "ERROR" : "INFO", service: `s-${at % 40}` },
    message: `${SENTENCE.repeat(8)}${at}`,
  }),
  stack: (at) => ({
    ...{ timestamp: iso(at), level: "error", service: `s-${at % 40}` },
    ...{ message: `TypeError: x is not a function ${at}`, stack: STACK.repeat(4) },
  }),
  many: (at) => ({
    ...{ ts: (RECEIPT_MS - 60_000 + at * 2) / 1000, level: "info", service: `s-${at % 40}` },
    ...Object.fromEntries(
      Array.from({ length: 40 }, (_, key) => [
        `attribute_${key}`,
        key % 2 === 0 ? at * key : `v${at}`,
      ]),
    ),
  }),
  plain: (at) => ({
    ...{ time: iso(at), container_name: `web-${at % 40}`, stream: "stdout" },
    log: `10.1.2.${at % 256} - - "GET /index.html?x=${at} HTTP/1.1" 200 512`,
  }),
};

/** Bodies of `records` in NDJSON, `per` in each. */
export function bodiesOf(make: (at: number) => unknown, records: number, per: number): Buffer[] {
  return Array.from({ length: Math.ceil(records / per) }, (_, body) => {
    const lines = Array.from({ length: per }, (_, line) => JSON.stringify(make(body * per + line)));
    return Buffer.from(`${lines.join("\n")}\n`);
  });
}
