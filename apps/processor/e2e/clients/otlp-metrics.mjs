// Sends a gauge, a counter and a histogram through OpenTelemetry. node otlp-metrics.mjs URL proto|http
import { resourceFromAttributes } from "@opentelemetry/resources";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";

const [url, mode] = process.argv.slice(2);
const { OTLPMetricExporter } =
  mode === "http"
    ? await import("@opentelemetry/exporter-metrics-otlp-http")
    : await import("@opentelemetry/exporter-metrics-otlp-proto");
const exporter = new OTLPMetricExporter({ url: `${url}/v1/metrics` });
const provider = new MeterProvider({
  resource: resourceFromAttributes({ "service.name": `otlp-${mode}` }),
  readers: [new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 600_000 })],
});
const meter = provider.getMeter("shop");
meter.createGauge("queue.depth").record(7, { queue: "mail" });
meter.createCounter("orders").add(12);
const durations = meter.createHistogram("request.duration");
durations.record(0.5);
durations.record(2);
await provider.shutdown();
