// Usage: node opensearch.mjs URL. Writes what the bulk helper counted, as JSON.
import { Client } from "@opensearch-project/opensearch";

const [url] = process.argv.slice(2);
const client = new Client({ node: url });
const documents = Array.from({ length: 40 }, (_, at) => ({
  time: Date.now(),
  level: at % 4 === 0 ? "ERROR" : "INFO",
  service: "open-shop",
  message: `document ${at}`,
}));
const stats = await client.helpers.bulk({
  datasource: documents,
  onDocument: () => ({ index: { _index: "shop" } }),
  onDrop: (document) => process.stderr.write(JSON.stringify(document)),
});
process.stdout.write(`${JSON.stringify({ stats })}\n`);
