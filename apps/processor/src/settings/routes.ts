import { type Severity, type SignalKey, severityRank } from "@tracer/core";
import type { SettingsFile, When } from "./schema.ts";

/** What the rules ask of an incident. */
export interface Routed {
  readonly key: SignalKey;
  readonly severity: Severity;
}

/** True when it is one of those that `when` means. */
export function matches(when: When, { key, severity }: Routed): boolean {
  return (
    fits(when.project, key.project) &&
    fits(when.environment, key.environment) &&
    fits(when.service, key.service) &&
    (when.kind === undefined || when.kind.includes(key.kind)) &&
    (when.severity === undefined || severityRank(severity) >= severityRank(when.severity))
  );
}

/**
 * The channels of an incident, each once: those of the first route that matches, and of later ones as long as
 * routes say `continue`. None matches: all of `byDefault`, since an alert to many is better than one to nobody.
 */
export function channelsOf(
  routes: SettingsFile["routes"],
  incident: Routed,
  byDefault: readonly string[],
): readonly string[] {
  const found = new Set<string>();
  let isMatched = false;
  for (const route of routes) {
    if (!matches(route.when, incident)) continue;
    isMatched = true;
    for (const channel of route.channels) found.add(channel);
    if (!route.continue) break;
  }
  return isMatched ? [...found] : byDefault;
}

/** What the rules of its service make of a signal: null when it is ignored, else how grave it is. */
export function severityOf(services: SettingsFile["services"], signal: Routed): Severity | null {
  const { kind } = signal.key;
  let { severity } = signal;
  for (const rule of services) {
    if (!matches(rule.when, signal)) continue;
    if (rule.ignore?.includes(kind) === true) return null;
    severity = rule.severity?.[kind] ?? severity;
  }
  return severity;
}

function fits(patterns: readonly string[] | undefined, name: string): boolean {
  return patterns === undefined || patterns.some((pattern) => fitsPattern(pattern, name));
}

/** `*` is any text, also none. Linear: what lies between stars is looked for from left to right. */
function fitsPattern(pattern: string, name: string): boolean {
  const [head = "", ...rest] = pattern.split("*");
  if (rest.length === 0) return name === pattern;
  if (!name.startsWith(head)) return false;
  let at = head.length;
  const tail = rest.pop() ?? "";
  for (const part of rest) {
    const found = name.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return name.length - at >= tail.length && name.endsWith(tail);
}
