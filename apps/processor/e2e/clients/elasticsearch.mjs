// Usage: node elasticsearch.mjs URL. Writes what the bulk helper counted, as JSON.
import { Client } from "@elastic/elasticsearch";

const [url] = process.argv.slice(2);
const client = new Client({
  node: url,
  auth: { username: "tracer", password: process.env.TRACER_KEY ?? "none" },
});
const info = await client.info();
const health = await client.cluster.health();
const documents = Array.from({ length: 250 }, (_, at) => ({
  "@timestamp": new Date().toISOString(),
  "log.level": at % 5 === 0 ? "error" : "info",
  service: { name: "ecs-shop" },
  message: `document ${at}`,
}));
const dropped = [];
const stats = await client.helpers.bulk({
  datasource: documents,
  flushBytes: 8000,
  onDocument: () => ({ create: { _index: "logs-shop-default" } }),
  onDrop: (document) => dropped.push(document),
});
const mixed = await client.bulk({
  operations: [
    { index: { _index: "a", _id: "7" } },
    { level: "warn", service: "mixed", message: "index" },
    { update: { _index: "a", _id: "7" } },
    { doc: { level: "error", service: "mixed", message: "update" } },
    { delete: { _index: "a", _id: "7" } },
  ],
});
process.stdout.write(
  JSON.stringify({
    tagline: info.tagline,
    status: health.status,
    stats,
    dropped: dropped.length,
    mixed,
  }),
);
