/** A service of the demo's shop, with what it usually logs. */
interface DemoService {
  readonly name: string;
  readonly perMinute: number;
  readonly errorShare: number;
  readonly messages: readonly string[];
  readonly failure: string;
}

const SERVICES: readonly DemoService[] = [
  {
    name: "storefront",
    perMinute: 240,
    errorShare: 0.004,
    messages: ["GET / 200", "GET /product 200", "GET /search 200"],
    failure: "upstream closed the connection",
  },
  {
    name: "checkout",
    perMinute: 120,
    errorShare: 0.02,
    messages: ["cart priced", "order placed", "address checked"],
    failure: "card declined by the bank",
  },
  {
    name: "search",
    perMinute: 90,
    errorShare: 0.01,
    messages: ["query served from index", "suggestions served"],
    failure: "shard 3 timed out",
  },
];

const FAULTY = "checkout";
const FAULT_SHARE = 0.4;

/** Synthetic traffic from a generator with a fixed start: the same shop on every run. */
export class DemoShop {
  /** While true, the checkout's payment gateway times out. */
  fault = false;
  #random = 20_261_122;
  readonly #encoder = new TextEncoder();

  /** NDJSON of what all services logged in [fromMs, toMs). */
  logs(fromMs: number, toMs: number): { bytes: Uint8Array; records: number } {
    const lines = SERVICES.flatMap((service) => this.#linesOf(service, fromMs, toMs));
    const text = lines.length === 0 ? "" : `${lines.join("\n")}\n`;
    return { bytes: this.#encoder.encode(text), records: lines.length };
  }

  #linesOf(service: DemoService, fromMs: number, toMs: number): string[] {
    const lines: string[] = [];
    const meanMs = 60_000 / service.perMinute;
    // Exponential gaps: arrivals of independent customers.
    for (let atMs = fromMs + this.#gap(meanMs); atMs < toMs; atMs += this.#gap(meanMs)) {
      lines.push(JSON.stringify(this.#record(service, atMs)));
    }
    return lines;
  }

  #record(service: DemoService, atMs: number) {
    const time = new Date(atMs).toISOString();
    const order = 1_000 + Math.floor(this.#next() * 9_000);
    const base = { time, service: service.name, order };
    const faulty = this.fault && service.name === FAULTY;
    if (faulty && this.#next() < FAULT_SHARE) {
      const message = `payment gateway timeout after 3000 ms for order ${order} user=jane@example.org`;
      return { ...base, level: "error", message };
    }
    if (this.#next() < service.errorShare) {
      return { ...base, level: "error", message: `${service.failure} (order ${order})` };
    }
    const index = Math.floor(this.#next() * service.messages.length);
    return { ...base, level: "info", message: service.messages[index] ?? "served" };
  }

  #gap(meanMs: number): number {
    return -meanMs * Math.log(1 - this.#next());
  }

  /** In [0, 1). */
  #next(): number {
    this.#random = (Math.imul(this.#random, 1_664_525) + 1_013_904_223) >>> 0;
    return this.#random / 2 ** 32;
  }
}
