import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const SHOP = fileURLToPath(new URL("./shop.ts", import.meta.url));
const SHIP_MS = 250;

export interface Shop extends AsyncDisposable {
  readonly service: string;
  /** Share of checkouts that fail from now on. */
  setFault(share: number): Promise<void>;
  /** Records that were shipped and acknowledged. */
  readonly acknowledged: () => number;
}

/**
 * Runs the shop as a process, asks it for `perSecond` checkouts a second, and ships its stdout to Tracer as a log
 * shipper does: lines as they are, in small batches, kept and sent again when they are refused.
 */
export async function startShop(options: {
  readonly url: string;
  readonly service: string;
  readonly perSecond: number;
}): Promise<Shop> {
  const child = spawn(process.execPath, [SHOP, options.service], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const state = { waiting: [] as string[], acknowledged: 0, shopUrl: "", shipping: false };
  const ship = async () => {
    if (state.shipping || state.waiting.length === 0) return;
    state.shipping = true;
    const lines = state.waiting.splice(0);
    try {
      const body = lines.join("\n");
      const response = await fetch(`${options.url}/logs`, { method: "POST", body });
      const answer: { accepted?: number } = JSON.parse(await response.text());
      if (response.status === 202) state.acknowledged += answer.accepted ?? 0;
      else state.waiting.unshift(...lines);
    } catch {
      state.waiting.unshift(...lines);
    }
    state.shipping = false;
  };
  const opened = new Promise<void>((resolve) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      state.waiting.push(line);
      const url = /"url":"([^"]+)".*shop is open/.exec(line)?.[1];
      if (url === undefined) return;
      state.shopUrl = url;
      resolve();
    });
  });
  await opened;
  const shipper = setInterval(() => void ship(), SHIP_MS);
  const customers = setInterval(() => {
    fetch(`${state.shopUrl}/checkout`).then(
      (response) => response.arrayBuffer(),
      () => {},
    );
  }, 1_000 / options.perSecond);
  return {
    service: options.service,
    acknowledged: () => state.acknowledged,
    setFault: async (share) => {
      await fetch(`${state.shopUrl}/fault`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ share }),
      });
    },
    [Symbol.asyncDispose]: async () => {
      clearInterval(customers);
      clearInterval(shipper);
      if (child.exitCode === null) {
        child.kill("SIGTERM");
        await once(child, "exit");
      }
    },
  };
}
