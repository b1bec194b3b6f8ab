// What an application with pino writes, to be piped to curl.
import pino from "pino";

const logger = pino({ base: { service: "curled" } }, pino.destination({ sync: true }));
logger.info("one");
logger.warn("two");
logger.error("three");
