// The servers of the ingest bench, each a process of its own: `node:http` that throws bodies away, or parses each line
// and throws that away; and the product's own path from HTTP to the detector, with a key, without its database. Tells
// its port when it listens, and the CPU time that it has used (µs) when it is asked.
import { createServer as createPlainServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Detector, TemplateBook } from "@tracer/detect";
import { ExemplarRings, SeriesDirectory } from "@tracer/ingest";
import { Announcer } from "../src/announcer.ts";
import { doors } from "../src/http/doors/index.ts";
import { InFlight } from "../src/http/in-flight.ts";
import { KeyCache } from "../src/http/key-cache.ts";
import { createServer } from "../src/http/server.ts";
import { createObserve } from "../src/observe.ts";
import { Pipeline } from "../src/pipeline.ts";

const [, , mode = "product", ingestKey = ""] = process.argv;

function count(body: Buffer): number {
  let records = 0;
  for (const line of body.toString("utf8").split("\n")) {
    if (line !== "" && JSON.parse(line) !== null) records += 1;
  }
  return records;
}

function plain(parses: boolean) {
  return createPlainServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const accepted = parses ? count(Buffer.concat(chunks)) : 0;
      response.writeHead(202, { "content-type": "application/json" });
      response.end(JSON.stringify({ accepted, rejected: 0, errors: [] }));
    });
  });
}

async function product() {
  const observe = createObserve("info", process.stderr);
  const directory = new SeriesDirectory({ seed: 1 });
  const detector = new Detector({ seriesMax: directory.slotsMax, latenessSeconds: 10 });
  const receiptMs = () => Date.now();
  const announcer = new Announcer({
    ...{ staleSeconds: 900, sightSeconds: 10, receiptMs, monotonicMs: () => performance.now() },
    ...{ keyOf: (slot) => directory.key(slot), linesOf: () => [], observe, onWritten: () => {} },
    sight: async () => [],
    clear: async () => {},
  });
  const pipeline = new Pipeline({
    ...{ directory, detector, templates: new TemplateBook(), rings: new ExemplarRings() },
    ...{ announcer, receiptMs, observe, onSignals: () => {} },
    decisions: { take: () => {}, release: () => {} },
  });
  const keys = new KeyCache({
    ...{ ingestKey, adminKey: null, monotonicMs: () => performance.now() },
    find: async () => null,
  });
  const access = { findKey: keys.find, keysExist: () => true, publicHost: null };
  const app = createServer({ observe, access });
  const ingest = pipeline.ingest.bind(pipeline);
  const ingestMetrics = () => ({ accepted: 0, rejected: 0, message: "" }); // None are sent.
  await app.register(doors, { ingest, ingestMetrics, inFlight: new InFlight(), observe });
  await app.ready();
  setInterval(() => pipeline.tick(), 1_000);
  return app.server;
}

const server = mode === "product" ? await product() : plain(mode === "parse");
server.keepAliveTimeout = 600_000; // Bodies are written between rounds, which takes a while.
server.listen(0, "127.0.0.1", () => {
  const address: AddressInfo | string | null = server.address();
  process.send?.({ port: typeof address === "object" ? (address?.port ?? 0) : 0 });
});
process.on("message", () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuUs: user + system });
});
process.on("disconnect", () => process.exit());
