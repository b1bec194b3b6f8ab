// A small shop as people write them: Fastify and pino, logs as JSON lines on stdout. Run as a process of its
// own. `POST /fault {"share":0.4}` makes that share of checkouts fail; `{"share":0}` mends it.
import Fastify, { LogController } from "fastify";
import { pino } from "pino";

const log = pino({ base: { service: process.argv[2] ?? "shop" } });
const app = Fastify({
  loggerInstance: log,
  logController: new LogController({ disableRequestLogging: true }),
});
const state = { faultShare: 0, checkouts: 0, random: 12345 };

/** Mulberry-like generator: the same shop on every run. */
function random(): number {
  state.random = (Math.imul(state.random, 1664525) + 1013904223) >>> 0;
  return state.random / 2 ** 32;
}

app.post<{ Body: { share: number } }>("/fault", async (request) => {
  state.faultShare = request.body.share;
  return { share: state.faultShare };
});

app.get("/checkout", async (request, reply) => {
  state.checkouts += 1;
  const order = 8_000 + state.checkouts;
  const failing = random() < Math.max(0.02, state.faultShare);
  if (failing) {
    const error = new Error(`payment gateway timeout after 3000 ms for order ${order}`);
    request.log.error({ err: error, order, email: "jane.doe@example.org" }, error.message);
    return reply.code(502).send({ error: "payment" });
  }
  request.log.info({ order, responseTime: 20 + 30 * random() }, "order placed");
  return { order };
});

await app.listen({ host: "127.0.0.1", port: 0 });
const address = app.server.address();
const port = typeof address === "object" && address !== null ? address.port : 0;
log.info({ url: `http://127.0.0.1:${port}` }, "shop is open");
