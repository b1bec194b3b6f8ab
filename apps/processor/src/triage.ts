import type { Incident } from "@tracer/core";
import * as notify from "@tracer/notify";
import * as store from "@tracer/store";
import { startLoop } from "./loop.ts";
import type { Observe } from "./observe.ts";
import type { TriageConfig } from "./triage-config.ts";

export interface TriagingOptions {
  readonly pool: store.Pool;
  readonly processorId: string;
  readonly config: TriageConfig;
  readonly observe: Observe;
  /** Called when a note waits to be shown. */
  readonly onNoted: () => void;
  /** How a model is asked. Default: the one of the configuration. */
  readonly ask?: (incident: Incident, signal: AbortSignal) => Promise<notify.TriageResult>;
}

const IDLE_MS = 1_000;

/**
 * Asks a model about incidents that people were told of, one at a time, and adds what it says to their
 * messages. Nothing waits for it, and nothing depends on it. Disposing it cuts the call in hand off.
 */
export function startTriaging(options: TriagingOptions): AsyncDisposable {
  const { config, observe, onNoted, ask = modelAsker(config) } = options;
  const stop = new AbortController();
  const round = async () => {
    while (!stop.signal.aborted) {
      const outcome = await triageOne({ ...options, ask }, stop.signal);
      if (outcome === null) return;
      if (outcome === "noted") onNoted();
    }
  };
  const loop = startLoop({ name: "triage", idleMs: IDLE_MS, jitter: 0.2, observe }, round);
  return {
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await loop[Symbol.asyncDispose]();
    },
  };
}

type OneOptions = TriagingOptions & Required<Pick<TriagingOptions, "ask">>;

/** Null: there is no incident to ask about. */
async function triageOne(options: OneOptions, signal: AbortSignal) {
  const { pool, processorId, config, observe, ask } = options;
  const incident = await store.claimTriage(pool, { processorId });
  if (incident === null) return null;
  const mayAsk = await store.countTriageCall(pool, { hourlyMax: config.hourlyMax });
  const result = mayAsk ? await asked(ask, incident, signal) : ({ kind: "capped" } as const);
  const outcome = await store.settleTriage(pool, {
    ...{ incident, processorId },
    result: result.kind === "noted" ? result.note : result.kind,
  });
  const reason = result.kind === "failed" ? result.reason : null;
  observe({ name: "triage_settled", incidentId: incident.id, outcome, reason });
  return outcome;
}

/** A package that cannot be loaded, or a defect: an incident without a note, and no loop that fails. */
async function asked(ask: OneOptions["ask"], incident: Incident, signal: AbortSignal) {
  try {
    return await ask(incident, signal);
  } catch (error) {
    return { kind: "failed", reason: error instanceof Error ? error.name : "unknown" } as const;
  }
}

/** The model is opened at the first question: its packages cost memory. */
function modelAsker(config: TriageConfig): OneOptions["ask"] {
  let opening: ReturnType<typeof notify.openModel> | null = null;
  return async (incident, signal) => {
    opening ??= notify.openModel(config);
    return notify.triage(incident, { model: await opening, modelName: config.model }, signal);
  };
}
