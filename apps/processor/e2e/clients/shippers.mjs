// Sends 60 log records as services do. node shippers.mjs URL syslog-tcp|syslog-udp|splunk-logging|gelf-pro
// URL is syslog's tcp://HOST:PORT for the first two. gelf-pro prints its messages, a line each.

import { setTimeout as pause } from "node:timers/promises";

const [url, mode] = process.argv.slice(2);
const LEVELS = ["debug", "info", "warning", "error", "crit", "emerg"];

async function syslog(protocol) {
  const { default: winston } = await import("winston");
  const { Syslog } = await import("winston-syslog");
  const { hostname, port } = new URL(url);
  for (const type of ["BSD", "5424"]) {
    const transport = new Syslog({
      ...{ host: hostname, port: Number(port), protocol, type, level: "debug" },
      ...{ app_name: `winston-${type.toLowerCase()}`, localhost: "web-1" },
      ...(protocol === "tcp4" ? { eol: "\n" } : {}),
    });
    const levels = winston.config.syslog.levels;
    const logger = winston.createLogger({ levels, level: "debug", transports: [transport] });
    for (let at = 0; at < 30; at += 1) logger.log(LEVELS[at % 6], `order ${at} – paid`);
    while (!transport.connected || transport.queue.length > 0) await pause(20);
    await pause(100);
    if (protocol === "tcp4") await new Promise((done) => transport.socket.end(done));
    else transport.socket.close();
  }
}

async function splunk() {
  const { default: splunklogging } = await import("splunk-logging");
  const logger = new splunklogging.Logger({
    token: "tok-checkout-4711-abcd",
    url,
    maxBatchCount: 0,
  });
  logger.error = (error) => {
    throw error;
  };
  for (let at = 0; at < 60; at += 1) {
    const severity = ["debug", "info", "warn", "error"][at % 4];
    const message =
      at % 2 === 0
        ? { message: `order ${at}`, service: "splunk-logging", duration_ms: at }
        : `order ${at}`;
    logger.send({ message, severity, metadata: { source: "splunk-text", host: "web-1" } });
  }
  await new Promise((resolve, reject) => {
    logger.flush((error, _response, body) => {
      if (error || body.code !== 0) reject(error ?? new Error(JSON.stringify(body)));
      else resolve();
    });
  });
}

async function gelf() {
  const { default: log } = await import("gelf-pro");
  log.setConfig({
    fields: { facility: "gelf-facility", env: "prod" },
    // What it would write to its socket.
    broadcast: [],
  });
  log.adapter = {
    send: (message, done) => {
      process.stdout.write(`${message}\n`);
      done(null, message.length);
    },
  };
  const levels = ["debug", "info", "notice", "warning", "error", "critical"];
  for (let at = 0; at < 60; at += 1) {
    log[levels[at % 6]](`order ${at}`, at % 2 === 0 ? { service: "gelf-service" } : {});
  }
}

const RUN = {
  "syslog-tcp": () => syslog("tcp4"),
  "syslog-udp": () => syslog("udp4"),
  "splunk-logging": splunk,
  "gelf-pro": gelf,
};
await RUN[mode]();
// winston-syslog connects again by itself, for ever.
process.stdout.write("", () => process.exit(0));
