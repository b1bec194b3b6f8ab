import { monitorEventLoopDelay } from "node:perf_hooks";
import { Counter, Gauge, type Registry } from "prom-client";

const LAG_RESOLUTION_MS = 10;

/** A value that is read when the metrics are. */
export function gauge(registry: Registry, name: string, help: string, read: () => number): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      this.set(read());
    },
  });
}

/** A counter that somebody else keeps. */
export function total(registry: Registry, name: string, help: string, read: () => number): void {
  new Counter({
    name,
    help,
    registers: [registry],
    collect() {
      this.reset();
      this.inc(read());
    },
  });
}

/** Lag since the last scrape. The monitor's own resolution is part of what it measures and is taken off. */
export function watchEventLoop(registry: Registry) {
  const histogram = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS });
  histogram.enable();
  const lagSeconds = (ns: number) =>
    Number.isFinite(ns) ? Math.max(0, ns / 1e9 - LAG_RESOLUTION_MS / 1e3) : 0;
  new Gauge({
    name: "tracer_eventloop_lag_seconds",
    help: "How late the event loop ran its timers since the last scrape.",
    labelNames: ["quantile"],
    registers: [registry],
    collect() {
      this.set({ quantile: "0.5" }, lagSeconds(histogram.percentile(50)));
      this.set({ quantile: "0.99" }, lagSeconds(histogram.percentile(99)));
      this.set({ quantile: "1" }, lagSeconds(histogram.max));
      histogram.reset();
    },
  });
  new Gauge({
    name: "tracer_process_resident_memory_bytes",
    help: "Resident memory of this process.",
    registers: [registry],
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  return histogram;
}
