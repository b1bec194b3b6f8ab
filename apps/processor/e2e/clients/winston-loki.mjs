// Usage: node winston-loki.mjs URL json|proto
import winston from "winston";
import LokiTransport from "winston-loki";

const [url, format] = process.argv.slice(2);
const transport = new LokiTransport({
  host: url,
  json: format === "json",
  labels: { job: `orders-${format}` },
  interval: 1,
  gracefulShutdown: false,
  onConnectionError: (error) => {
    process.stderr.write(`${error}\n`);
    process.exitCode = 1;
  },
});
const logger = winston.createLogger({ level: "debug", transports: [transport] });
logger.debug("one");
logger.info('two "quoted"', { duration_ms: 12 });
logger.warn("three");
logger.error("four");
await transport.flush();
process.exit();
