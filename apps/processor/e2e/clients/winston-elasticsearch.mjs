// Usage: node winston-elasticsearch.mjs URL. Sets up its template, as it does by default.
import winston from "winston";
import { ElasticsearchTransport } from "winston-elasticsearch";

const [url] = process.argv.slice(2);
const transport = new ElasticsearchTransport({
  level: "debug",
  clientOpts: { node: url },
  flushInterval: 100,
  source: "winston",
});
transport.on("warning", (error) => {
  process.stderr.write(`${error}\n`);
  process.exitCode = 1;
});
const logger = winston.createLogger({ level: "debug", transports: [transport] });
logger.info("one", { service: "not this one" });
logger.warn("two");
logger.error("three");
await new Promise((resolve) => setTimeout(resolve, 300));
await transport.flush();
process.exit();
