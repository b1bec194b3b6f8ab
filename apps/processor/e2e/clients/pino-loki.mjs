// Usage: node pino-loki.mjs URL
import pino from "pino";
import { pinoLoki } from "pino-loki";

const [url] = process.argv.slice(2);
const stream = pinoLoki({
  host: url,
  labels: { app: "checkout" },
  batching: { interval: 1 },
  silenceErrors: false,
});
const logger = pino({ level: "trace" }, stream);
logger.debug("one");
logger.info({ responseTime: 12.5 }, 'two "quoted"');
logger.warn({ meta: { trace_id: "t1" } }, "three");
logger.error(new Error("card declined"), "four");
logger.fatal("five");
stream.end();
await new Promise((resolve) => stream.on("close", resolve));
