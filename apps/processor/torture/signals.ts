import { fingerprintOfService } from "./keys.ts";
import type { SightedSignal } from "./protocol.ts";
import type { RowContext } from "./row.ts";
import type { WorkerProcess } from "./worker-process.ts";

/** When the signals of most rows began: long enough ago that nothing of the row is older. */
export const OLD_ONSET_MS = 600_000;
const ACKNOWLEDGED_MS_MAX = 60_000;

export function signalOf(service: string, changes: Partial<SightedSignal> = {}): SightedSignal {
  return { service, onsetAgeMs: OLD_ONSET_MS, severity: "error", ...changes };
}

/** Answers of the database so far, for each of the services. */
export function answerCounts({ ledger }: RowContext, services: readonly string[]): number[] {
  return services.map((service) => ledger.outcomes.get(fingerprintOfService(service))?.length ?? 0);
}

/** The worker's detector sees these; true once the database has answered for each. */
export async function sightAndWait(
  context: RowContext,
  worker: WorkerProcess,
  signals: readonly SightedSignal[],
): Promise<boolean> {
  const services = signals.map(({ service }) => service);
  const before = answerCounts(context, services);
  await worker.tell({ do: "sight", signals: [...signals], atMs: null });
  const isAnswered = () =>
    answerCounts(context, services).every((count, index) => count > (before[index] ?? 0));
  return context.until(isAnswered, ACKNOWLEDGED_MS_MAX);
}

/** The worker's detector is satisfied; true once that is written. */
export async function clearAndWait(
  { ledger, until }: RowContext,
  worker: WorkerProcess,
  services: readonly string[],
): Promise<boolean> {
  const fingerprints = services.map(fingerprintOfService);
  for (const fingerprint of fingerprints) ledger.cleared.delete(fingerprint);
  await worker.tell({ do: "clear", services: [...services] });
  return until(() => fingerprints.every((one) => ledger.cleared.has(one)), ACKNOWLEDGED_MS_MAX);
}

/** `prefix-from` … `prefix-(to − 1)`. */
export function servicesOf(prefix: string, from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, index) => `${prefix}-${from + index}`);
}
