// Usage: node pino-http-send.mjs URL json|ndjson
import pino from "pino";
import { createWriteStream } from "pino-http-send";

const [url, bodyType] = process.argv.slice(2);
const stream = createWriteStream({
  url: `${url}/logs`,
  bodyType,
  batchSize: 2,
  timeout: 200,
  retries: 0,
});
const logger = pino({ base: { service: `http-send-${bodyType}` } }, stream);
logger.info("one");
logger.warn("two");
logger.error({ responseTime: 40 }, "three");
logger.fatal("four");
