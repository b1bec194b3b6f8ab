import { createHash } from "node:crypto";

/** What a signal can be about. */
export const KINDS = ["error", "volume", "latency", "template", "metric", "pipeline"] as const;

export type Kind = (typeof KINDS)[number];

/** Whose records they are. The project is the tenant; environment is `""` when records name none. */
export interface SeriesKey {
  readonly project: string;
  readonly environment: string;
  readonly service: string;
}

/** What a signal is about: a series, a kind, and for some kinds a part (`drop`, `surge`, a template's hash), else `""`. */
export interface SignalKey extends SeriesKey {
  readonly kind: Kind;
  readonly part: string;
}

/**
 * The stable hash of what makes two signals the same problem: 32 hex digits of SHA-256 over the five
 * names, each with its length before it, so that no choice of names can collide. Holds no time.
 */
export function fingerprintOf(key: SignalKey): string {
  const hash = createHash("sha256");
  for (const name of [key.project, key.environment, key.service, key.kind, key.part]) {
    hash.update(`${Buffer.byteLength(name)}:${name};`);
  }
  return hash.digest("hex").slice(0, 32);
}

/** Public id of one epoch of a fingerprint, such as `inc_3f…9a-2`. Shown in links, safe in a URL. */
export function incidentIdOf(fingerprint: string, epoch: number): string {
  return `inc_${fingerprint}-${epoch}`;
}

/** Takes an incident id apart; null when the text is not one. */
export function parseIncidentId(id: string): { fingerprint: string; epoch: number } | null {
  const match = /^inc_([0-9a-f]{32})-([1-9][0-9]{0,8})$/.exec(id);
  const fingerprint = match?.[1];
  return fingerprint === undefined ? null : { fingerprint, epoch: Number(match?.[2]) };
}
