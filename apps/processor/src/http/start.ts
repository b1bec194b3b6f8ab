import { setTimeout as pause } from "node:timers/promises";
import { type Clock, TracerError } from "@tracer/core";
import type { Channel } from "@tracer/notify";
import * as store from "@tracer/store";
import type { FastifyInstance } from "fastify";
import type { ChannelStates } from "../channel-states.ts";
import { tryChannel } from "../channel-trial.ts";
import { keepAccount } from "../composio-sessions.ts";
import type { Config } from "../config.ts";
import type { Outage } from "../database-watch.ts";
import type { WhyNot } from "../decisions/why-not.ts";
import { freePort } from "../free-port.ts";
import type { LiveEvents } from "../live-events.ts";
import type { MetricPipeline } from "../metric-pipeline.ts";
import type { Observe } from "../observe.ts";
import type { Pipeline } from "../pipeline.ts";
import type { ServicesView } from "../services-view.ts";
import { backtestRoutes } from "./backtest.ts";
import { channelRoutes } from "./channels.ts";
import { composioRoutes } from "./composio.ts";
import { decisionRoutes } from "./decisions.ts";
import { deliveryRoutes } from "./deliveries.ts";
import { deployRoutes } from "./deploys.ts";
import { doors } from "./doors/index.ts";
import { eventRoutes } from "./events.ts";
import { healthRoutes } from "./health.ts";
import type { InFlight } from "./in-flight.ts";
import { incidentWithoutScript } from "./incident-page.ts";
import { incidentRoutes } from "./incidents.ts";
import { collectRoutes } from "./openapi/collect.ts";
import { openApiRoutes } from "./openapi/routes.ts";
import { pageRoutes } from "./page.ts";
import { RateLimits } from "./rate-limits.ts";
import { createKeys, type Keys, publicHostOf } from "./register-keys.ts";
import { createServer } from "./server.ts";
import { serviceRoutes } from "./services.ts";
import { silenceRoutes } from "./silences.ts";

export interface HttpOptions {
  readonly config: Config;
  readonly version: string;
  /** True when keys are stored in the database. */
  readonly keysStored: boolean;
  readonly pool: store.Pool;
  readonly pipeline: Pipeline;
  readonly metrics: MetricPipeline;
  readonly inFlight: InFlight;
  readonly services: ServicesView;
  readonly whyNot: WhyNot;
  readonly events: LiveEvents;
  readonly channelStates: ChannelStates;
  /** As configured now. */
  readonly channels: () => readonly Channel[];
  /** Where links in messages lead. */
  readonly linkBase: () => string;
  readonly observe: Observe;
  readonly clock: Clock;
  readonly wakeDispatch: () => void;
  /** Since when the database takes nothing, null when it does; and how many signals wait for it. */
  readonly waiting?: () => { readonly outage: Outage | null; readonly signals: number };
}

export interface Http extends AsyncDisposable {
  readonly url: string;
  /** What is missing for Tracer to do its work; empty when it is ready. */
  readonly missing: () => Promise<readonly string[]>;
  /**
   * Takes nothing more in, and waits for what is on its way, for 2 s at most. It still listens: `/readyz`
   * says that Tracer is stopping, so that whoever balances the load hears it, until it is disposed.
   */
  readonly refuse: () => Promise<void>;
}

/** Requests may take this long to end when Tracer stops. */
const CLOSE_MS = 2_000;
/** And those that came after, to ask whether it is ready, this long. */
const LAST_CLOSE_MS = 250;
const REFUSE_LOOK_MS = 10;
const READY_PROBE_MS = 1_000;
/** For all messages of a test. */
const TEST_MS_MAX = 50_000;

/** Registers every route and listens. Throws PORT_IN_USE that names a free port. */
export async function startHttp(options: HttpOptions): Promise<Http> {
  const { config, observe, inFlight } = options;
  const keys = createKeys(options);
  const app = createServer({
    observe,
    basePath: config.publicUrl === null ? "/" : new URL(config.publicUrl).pathname,
    access: {
      keysExist: keys.exist,
      publicHost: publicHostOf(config.publicUrl),
      findKey: keys.cache.find,
    },
    trustedProxies: config.trustedProxies,
  });
  await registerRoutes(app, options, keys);
  await listen(app, config);
  return {
    url: urlOf(app, config.host),
    missing: () => missingOf(options),
    refuse: async () => {
      inFlight.close();
      const deadlineMs = options.clock.monotonicMs() + CLOSE_MS;
      while (inFlight.bytes > 0 && options.clock.monotonicMs() < deadlineMs) {
        await pause(REFUSE_LOOK_MS);
      }
      // What is still on its way in after this was never acknowledged.
      if (inFlight.bytes > 0) app.server.closeAllConnections();
    },
    [Symbol.asyncDispose]: async () => {
      inFlight.close();
      const cutOff = setTimeout(() => app.server.closeAllConnections(), LAST_CLOSE_MS);
      await app.close();
      clearTimeout(cutOff);
      await keys[Symbol.asyncDispose]();
    },
  };
}

async function registerRoutes(app: FastifyInstance, options: HttpOptions, keys: Keys) {
  const { config, pool, pipeline, inFlight, services, events, channelStates } = options;
  const { observe, version } = options;
  const routes = collectRoutes(app);
  await app.register(openApiRoutes, { routes, version });
  await keys.register(app);
  const ingest = pipeline.ingest.bind(pipeline);
  const limits = new RateLimits({
    recordsPerSecond: config.ingestRecordsPerSecond,
    bytesPerSecond: config.ingestBytesPerSecond,
    monotonicMs: options.clock.monotonicMs,
  });
  const ingestMetrics = options.metrics.ingest.bind(options.metrics);
  const shared = { ingest, ingestMetrics, inFlight, observe, vercel: config.vercel };
  await app.register(doors, { ...shared, ...(limits.isOn ? { limits } : {}) });
  await app.register(healthRoutes, {
    missing: () => missingOf(options),
    version,
    showDetails: () => !keys.exist(),
    observe,
  });
  await app.register(incidentRoutes, {
    list: (query) => store.listIncidents(pool, query),
    deliveriesOf: (incidents) => store.deliveriesOf(pool, incidents),
    attemptsOf: (deliveryIds) => store.attemptsOf(pool, deliveryIds),
    get: (id) => store.getIncident(pool, id),
    accept: (key) => pipeline.accept(key),
    acknowledge: (id, by) => store.acknowledge(pool, { incidentId: id, by }),
    resolve: async (id) => {
      const resolved = await store.resolveByHand(pool, id);
      options.wakeDispatch();
      return resolved;
    },
  });
  await app.register(deliveryRoutes, {
    list: (query) => store.listDeliveries(pool, query),
    retry: async (dead) => {
      const again = await store.retryDeadLetter(pool, dead);
      options.wakeDispatch();
      return again;
    },
  });
  await app.register(silenceRoutes, {
    create: (wanted) => store.createSilence(pool, wanted),
    list: (query) => store.listSilences(pool, query),
    expire: (which) => store.expireSilence(pool, which),
    preview: (query) => store.silencedIncidents(pool, query),
  });
  await app.register(deployRoutes, {
    mark: (deploy) => store.markDeploy(pool, deploy),
    list: (query) => store.listDeploys(pool, query),
  });
  await app.register(serviceRoutes, { services });
  await app.register(decisionRoutes, { whyNot: options.whyNot });
  await app.register(backtestRoutes, {});
  await app.register(channelRoutes, {
    channels: channelStates,
    test: (name, onStep) => {
      const channel = options.channels().find((each) => each.name === name);
      if (channel === undefined) return null;
      const signal = AbortSignal.timeout(TEST_MS_MAX);
      return tryChannel(channel, { link: options.linkBase(), signal, onStep });
    },
  });
  if (config.composio !== null) {
    const { apiKey, baseUrl } = config.composio;
    await app.register(composioRoutes, {
      keepAccount: (account) => keepAccount(pool, { apiKey, baseUrl, ...account }),
    });
  }
  await app.register(eventRoutes, { events });
  await app.register(pageRoutes, {
    ...{ version, observe, clock: options.clock },
    withoutScript: incidentWithoutScript({
      get: (id) => store.getIncident(pool, id),
      attemptsOf: (deliveryIds) => store.attemptsOf(pool, deliveryIds),
    }),
  });
}

async function missingOf({ pool, inFlight, waiting }: HttpOptions): Promise<string[]> {
  const missing: string[] = [];
  if (inFlight.closed) missing.push("stopping");
  const timeout = new Promise<never>((_, reject) => {
    setTimeout(() => reject(new Error("time-out")), READY_PROBE_MS).unref();
  });
  const answers = await Promise.race([store.serverTimeMs(pool), timeout]).then(
    () => true,
    () => false,
  );
  const { outage = null, signals = 0 } = waiting?.() ?? {};
  if (answers && outage === null) return missing;
  const since = outage === null ? "" : ` since ${new Date(outage.sinceMs).toISOString()}`;
  const waits =
    signals === 0
      ? "no signal waits"
      : signals === 1
        ? "1 signal waits"
        : `${signals} signals wait`;
  missing.push(`database: it does not answer${since}; detection goes on, ${waits} for it`);
  return missing;
}

async function listen(app: FastifyInstance, { host, port }: Config): Promise<void> {
  try {
    await app.listen({ host: host.replace(/^\[|\]$/g, ""), port });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : "";
    if (code !== "EADDRINUSE") throw error;
    const free = await freePort(host);
    throw new TracerError(
      "PORT_IN_USE",
      `PORT ${port} on ${host} is taken by another program. Port ${free} is free: PORT=${free}`,
      { cause: error },
    );
  }
}

function urlOf(app: FastifyInstance, host: string): string {
  const address = app.server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const name = host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
  return `http://${name}:${port}`;
}
