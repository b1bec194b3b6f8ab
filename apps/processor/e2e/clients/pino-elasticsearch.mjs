// Usage: node pino-elasticsearch.mjs URL
import pino from "pino";
import pinoElasticsearch from "pino-elasticsearch";

const [url] = process.argv.slice(2);
const stream = pinoElasticsearch({
  index: "pino-%{DATE}",
  node: url,
  esVersion: 8,
  opType: "create",
});
const fail = (error) => {
  process.stderr.write(`${error}\n`);
  process.exitCode = 1;
};
stream.on("insertError", fail);
stream.on("error", fail);
const logger = pino({ base: { service: "pino-es" } }, stream);
logger.info("one");
logger.warn("two");
logger.error("three");
const inserted = new Promise((resolve) => stream.on("insert", resolve));
stream.end();
process.stdout.write(`${JSON.stringify(await inserted)}\n`);
