import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import {
  runTracer,
  startTracerProcess,
  type TracerProcess,
  temporaryFolder,
} from "../../e2e/tracer-process.ts";
import { postLogs, traffic } from "../../e2e/traffic.ts";
import type { Row, RowContext } from "../row.ts";
import { urlIn } from "./answering.ts";

const HISTORY_MS = 3_600_000;
const FAULT_MS = 120_000;
const SERVICES_PER_ROUND = 2;
const RECORDS_PER_MINUTE = 60;
/** From the answer to the records until something is killed, at most. */
const KILL_MS_MAX = 1_500;
const REFUSALS_IN_SEVEN = 2;
const VICTIMS = ["tracer", "server", "both"] as const;
/** Exit code of a process that finds its folder taken. */
const REFUSED = 78;

type Victim = (typeof VICTIMS)[number];

/** The whole of `tracer start` with the database that it brings, killed while incidents are being written. */
export const embedded: Row = {
  name: "embedded",
  text:
    "`tracer start` on its embedded server: kill -9 of Tracer, of the server, or of both, ×50, while incidents are " +
    "written; a second process on the folder ×20 is refused and harms nothing",
  fullSize: 70,
  // Each kill costs two starts of a whole process; the e2e tests of restarts and outages cover one of each.
  sliceSize: 0,
  unit: "kills and refusals",
  fullMinutes: 12,
  sink: { plainNames: true },
  run: async (context) => {
    const folder = context.keep({ ...(await temporaryFolder()) });
    const house = context.keep(new House(context, join(folder.path, "data")));
    await house.start();
    const problems: string[] = [];
    let done = 0;
    let kills = 0;
    while (context.goOn(done)) {
      if (done % 7 < REFUSALS_IN_SEVEN) {
        const outcome = await house.intrude();
        if (outcome !== null) problems.push(outcome);
      } else {
        await house.suffer(VICTIMS[kills % VICTIMS.length] ?? "both");
        kills += 1;
      }
      done += 1;
      context.progress(done);
    }
    context.useDatabase(await house.connectionString());
    const figures = { kills, refusals: done - kills, "incidents acknowledged": house.acknowledged };
    return { done, problems, figures };
  },
};

/** One data folder and whoever runs on it. */
class House implements AsyncDisposable {
  readonly #context: RowContext;
  readonly #dataDir: string;
  readonly #seen = new Set<string>();
  #tracer: TracerProcess | null = null;
  #services = 0;

  constructor(context: RowContext, dataDir: string) {
    this.#context = context;
    this.#dataDir = dataDir;
  }

  get acknowledged(): number {
    return this.#context.ledger.acknowledged.size;
  }

  async start(): Promise<void> {
    this.#tracer = await startTracerProcess(this.#environment());
  }

  /** Faults are written, and in the middle of it somebody dies; then Tracer is started again. */
  async suffer(victim: Victim): Promise<void> {
    const { random } = this.#context;
    const tracer = this.#running();
    const server = await this.#serverPid();
    await postLogs(tracer.url, this.#faults()).catch(() => null);
    await pause(random() * KILL_MS_MAX);
    if (victim !== "tracer") kill(server);
    if (victim !== "server") await tracer.stop("SIGKILL");
    else await tracer.stop("SIGTERM"); // It ends by itself; if not, it is asked to.
    this.#read(tracer.stderr());
    await this.start();
  }

  /** A second process on the folder; null when it was refused, else what it did. */
  async intrude(): Promise<string | null> {
    await postLogs(this.#running().url, this.#faults()).catch(() => null);
    const { code, stderr } = await runTracer(["start"], this.#environment());
    if (stderr.includes("DATA_DIR_LOCKED")) return null;
    return `a second process was not refused: it ended with ${code}, not ${REFUSED}`;
  }

  connectionString(): Promise<string> {
    return urlIn(this.#dataDir);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tracer?.[Symbol.asyncDispose]();
  }

  #running(): TracerProcess {
    if (this.#tracer === null) throw new Error("Tracer was not started.");
    return this.#tracer;
  }

  #environment(): Record<string, string> {
    const { slack, pagerduty, channels } = this.#context.sink;
    return {
      DATA_DIR: this.#dataDir,
      SNAPSHOT_SECONDS: "1",
      SLACK_BOT_TOKEN: slack.token,
      SLACK_CHANNEL: channels[0]?.target ?? "",
      SLACK_API_URL: slack.apiUrl,
      PAGERDUTY_ROUTING_KEY: pagerduty.routingKey,
      PAGERDUTY_EVENTS_URL: pagerduty.eventsUrl,
    };
  }

  async #pidLines(): Promise<string[]> {
    const path = join(this.#dataDir, "postgres", "data", "postmaster.pid");
    return (await readFile(path, "utf8")).split("\n");
  }

  async #serverPid(): Promise<number> {
    return Number((await this.#pidLines())[0]);
  }

  /** An hour of services that are well, and then fail. */
  #faults(): string {
    const { random } = this.#context;
    const nowMs = Date.now();
    return Array.from({ length: SERVICES_PER_ROUND }, () => {
      this.#services += 1;
      const service = `house-${this.#services}`;
      const common = { service, perMinute: RECORDS_PER_MINUTE, random };
      const breakMs = nowMs - FAULT_MS;
      return (
        traffic({ ...common, fromMs: nowMs - HISTORY_MS, toMs: breakMs, errorShare: 0.01 }) +
        traffic({ ...common, fromMs: breakMs, toMs: nowMs, errorShare: 0.6 })
      );
    }).join("");
  }

  /** What the process said that the database had answered. */
  #read(stderr: string): void {
    for (const line of stderr.split("\n")) {
      const match = /"name":"reserved".*"incidentId":"inc_([0-9a-f]{32})-(\d+)"/.exec(line);
      const outcome = /"outcome":"(\w+)"/.exec(line)?.[1] ?? "";
      if (match === null || this.#seen.has(line)) continue;
      this.#seen.add(line);
      const [, fingerprint = "", epoch = ""] = match;
      this.#context.ledger.sighted({ fingerprint, epoch: Number(epoch), outcome });
    }
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It was gone already.
  }
}
