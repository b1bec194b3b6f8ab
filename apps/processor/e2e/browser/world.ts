import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { startTracerProcess, type TracerProcess } from "../tracer-process.ts";

const SCREENS = fileURLToPath(new URL("../../../console/.screens/", import.meta.url));

/** What a machine without a way out needs, and a run as root. */
const FLAGS = [
  ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
  ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
];

export const DESKTOP = { width: 1280, height: 900 } as const;
export const PHONE = { width: 390, height: 844 } as const;

export interface World extends AsyncDisposable {
  readonly tracer: TracerProcess;
  readonly url: string;
  /** A page of its own, with nothing remembered. */
  readonly open: (path: string, options?: BrowserContextOptions) => Promise<Page>;
  /** What pages have complained of: errors of scripts, what the policy refused, dialogs. */
  readonly complaints: string[];
  /** Ends the server, and starts one at the same address on the same data. */
  readonly stop: () => Promise<void>;
  readonly startAgain: () => Promise<void>;
}

/** Tracer as a process of its own on an empty database, and a browser. */
export async function startWorld(environment: Record<string, string> = {}): Promise<World> {
  await using stack = new AsyncDisposableStack();
  let tracer = await startTracerProcess(environment);
  stack.defer(() => tracer[Symbol.asyncDispose]());
  const browser = await startBrowser();
  stack.defer(() => browser.close());
  await mkdir(SCREENS, { recursive: true });
  const complaints: string[] = [];
  const { url, dataDir } = tracer;
  const open = async (path: string, options: BrowserContextOptions = {}) => {
    const context = await browser.newContext({ viewport: DESKTOP, ...options });
    const page = await context.newPage();
    page.on("pageerror", (error) => complaints.push(`${path}: ${error.message}`));
    page.on("dialog", (dialog) => {
      complaints.push(`${path}: a dialog`);
      void dialog.dismiss();
    });
    page.on("console", (message) => {
      const text = message.text();
      if (/Content.Security.Policy|violates/i.test(text)) complaints.push(`${path}: ${text}`);
    });
    await page.goto(`${url}${path}`);
    return page;
  };
  const owned = stack.move();
  return {
    get tracer() {
      return tracer;
    },
    url,
    open,
    complaints,
    stop: async () => {
      await tracer.stop("SIGTERM");
    },
    startAgain: async () => {
      const { port } = new URL(url);
      tracer = await startTracerProcess({ ...environment, PORT: port, DATA_DIR: dataDir });
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

export async function startBrowser(): Promise<Browser> {
  const executablePath = process.env["TRACER_CHROMIUM"];
  if (executablePath === undefined)
    throw new Error("Run `pnpm test:browser`: it finds a Chromium.");
  return chromium.launch({ executablePath, args: FLAGS });
}

/** Writes what the page shows into an ignored folder, for people to look at. */
export async function screenshot(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: `${SCREENS}${name}.png`, fullPage: true });
}
