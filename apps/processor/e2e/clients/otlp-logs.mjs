// Sends 60 log records through OpenTelemetry as services do. node otlp-logs.mjs URL proto|http|pino|winston [gzip]
// With URL `default` the exporter is given none: only the connection is led to the port in the last argument.

import { Agent } from "node:http";
import { connect } from "node:net";

const [url, mode, compression = "none", port = ""] = process.argv.slice(2);
const LEVELS = [
  ["trace", 1],
  ["debug", 5],
  ["info", 9],
  ["warn", 13],
  ["error", 17],
  ["fatal", 21],
];
const startMs = Date.now() - 60_000;

class LedAgent extends Agent {
  createConnection(options, done) {
    if (options.port !== 4318) throw new Error(`The default port is 4318, not ${options.port}.`);
    return connect({ port: Number(port), host: "127.0.0.1" }, done);
  }
}

async function createProvider() {
  const { LoggerProvider, BatchLogRecordProcessor } = await import("@opentelemetry/sdk-logs");
  const { resourceFromAttributes } = await import("@opentelemetry/resources");
  const { OTLPLogExporter } =
    mode === "http"
      ? await import("@opentelemetry/exporter-logs-otlp-http")
      : await import("@opentelemetry/exporter-logs-otlp-proto");
  const where =
    url === "default" ? { httpAgentOptions: () => new LedAgent() } : { url: `${url}/v1/logs` };
  const exporter = new OTLPLogExporter({ ...where, compression });
  return new LoggerProvider({
    resource: resourceFromAttributes({
      "service.name": `otlp-${mode}`,
      "deployment.environment.name": "staging",
    }),
    processors: [new BatchLogRecordProcessor({ exporter, maxExportBatchSize: 25 })],
  });
}

async function sendWithSdk() {
  const provider = await createProvider();
  const logger = provider.getLogger("shop");
  for (let index = 0; index < 60; index += 1) {
    const [severityText, severityNumber] = LEVELS[index % LEVELS.length];
    logger.emit({
      ...{ severityNumber, severityText, timestamp: startMs + index * 100 },
      body: `order ${index} handled`,
      attributes: { duration_ms: index + 0.5, "http.route": "/orders/:id", retry: index % 7 === 0 },
    });
  }
  await provider.forceFlush();
  await provider.shutdown();
}

async function sendWithPino() {
  const { default: pino } = await import("pino");
  process.env.OTEL_EXPORTER_OTLP_ENDPOINT = url;
  const transport = pino.transport({
    target: "pino-opentelemetry-transport",
    options: {
      resourceAttributes: { "service.name": "otlp-pino", "deployment.environment": "staging" },
    },
  });
  let index = 0;
  const timestamp = () => `,"time":${startMs + index * 100}`;
  const logger = pino({ level: "trace", timestamp }, transport);
  for (; index < 60; index += 1) {
    const [level] = LEVELS[index % LEVELS.length];
    logger[level]({ duration_ms: index + 0.5 }, `order ${index} handled`);
  }
  const alive = setInterval(() => {}, 1_000); // The transport's thread alone does not keep the process.
  await new Promise((resolve, reject) => {
    transport.on("close", resolve);
    transport.on("error", reject);
    transport.end();
  });
  clearInterval(alive);
}

async function sendWithWinston() {
  const { logs } = await import("@opentelemetry/api-logs");
  const { OpenTelemetryTransportV3 } = await import("@opentelemetry/winston-transport");
  const { default: winston } = await import("winston");
  const provider = await createProvider();
  logs.setGlobalLoggerProvider(provider);
  const levels = { fatal: 0, error: 1, warn: 2, info: 3, debug: 4, trace: 5 };
  const logger = winston.createLogger({
    ...{ level: "trace", levels },
    transports: [new OpenTelemetryTransportV3()],
  });
  for (let index = 0; index < 60; index += 1) {
    const [level] = LEVELS[index % LEVELS.length];
    logger.log({ level, message: `order ${index} handled`, duration_ms: index + 0.5 });
  }
  await new Promise((resolve) => logger.on("finish", resolve).end());
  await provider.forceFlush();
  await provider.shutdown();
}

if (mode === "pino") await sendWithPino();
else if (mode === "winston") await sendWithWinston();
else await sendWithSdk();
