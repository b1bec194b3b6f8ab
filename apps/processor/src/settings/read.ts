import { isNode, isPair, isScalar, LineCounter, parseDocument } from "yaml";
import type { z } from "zod";
import { nearest } from "./nearest.ts";
import { SettingsFile } from "./schema.ts";

/** Problems named at once. */
const PROBLEMS_MAX = 20;
/** Nodes that aliases may unfold to: a file of a few lines can ask for billions. */
const ALIASES_MAX = 100;
export const FILE_BYTES_MAX = 1_048_576;

export type SettingsResult =
  | { readonly settings: SettingsFile; readonly problems: readonly [] }
  | { readonly settings: null; readonly problems: readonly string[] };

/**
 * Reads the text of a settings file. Each problem is one line that begins with where it is, such as
 * `line 12, routes[0].channels[1]: …`, and holds no value that could be a secret.
 */
export function parseSettings(text: string): SettingsResult {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    return failed(
      document.errors.map(({ pos, message }) => `line ${lines.linePos(pos[0]).line}: ${message}`),
    );
  }
  let content: unknown;
  try {
    content = document.toJS({ maxAliasCount: ALIASES_MAX }) ?? {};
  } catch {
    return failed(["the file repeats itself by aliases too often"]);
  }
  const parsed = SettingsFile.safeParse(content);
  const lineOf = (path: readonly PropertyKey[]) => {
    for (let length = path.length; length > 0; length -= 1) {
      const at = offsetOf(document.contents, path.slice(0, length));
      if (at !== null) return lines.linePos(at).line;
    }
    return 1;
  };
  const say = (path: readonly PropertyKey[], message: string) =>
    `line ${lineOf(path)}, ${pathText(path)}: ${message}`;
  if (!parsed.success) return failed(parsed.error.issues.flatMap((issue) => said(issue, say)));
  return { settings: parsed.data, problems: [] };
}

/** Where `channels` of routes and the fall-back are none of `names`. */
export function unknownChannels(settings: SettingsFile, names: readonly string[]): string[] {
  const known = new Set(names);
  const used = settings.routes.flatMap(({ channels }, route) =>
    channels.map((channel) => ({ channel, where: `routes[${route}].channels` })),
  );
  if (settings.fallback !== undefined) {
    used.push({ channel: settings.fallback.channel, where: "fallback.channel" });
  }
  return used
    .filter(({ channel }) => !known.has(channel))
    .map(({ channel, where }) => {
      const meant = nearest(channel, known);
      const hint = meant === null ? `there are ${names.join(", ")}` : `did you mean ${meant}?`;
      return `${where}: there is no channel ${channel}; ${hint}`;
    });
}

type Say = (path: readonly PropertyKey[], message: string) => string;

function said(issue: z.core.$ZodIssue, say: Say): string[] {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => {
      const meant = nearest(key, KEYS);
      const hint = meant === null ? "" : `; did you mean ${meant}?`;
      return say([...issue.path, key], `is not known here${hint}`);
    });
  }
  if (issue.code === "invalid_value") {
    const values = issue.values.map(String);
    return [say(issue.path, `must be ${values.join(", ")}`)];
  }
  if (issue.code === "invalid_key") {
    return [say(issue.path, issue.issues[0]?.message ?? issue.message)];
  }
  return [say(issue.path, issue.message)];
}

/** Every key that the file may hold somewhere, to guess what a wrong one was meant to be. */
const KEYS = [
  ...["channels", "routes", "fallback", "services", "redaction", "when", "continue", "ignore"],
  ...["kind", "token", "channel", "url", "api_key", "user_id", "routing_key", "events_url"],
  ...["secret", "allow_hosts", "quiet_hours", "time_zone", "from", "to", "days", "except"],
  ...["project", "environment", "service", "severity", "after_seconds", "pattern", "replace"],
  ...["env", "file", "toolkit", "via", "slugs", "post", "update", "history", "open", "resolve"],
  ...["tool", "arguments", "keep", "format", "text_max", "smtp_url"],
] as const;

function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((step, at) =>
      typeof step === "number" ? `[${step}]` : `${at > 0 ? "." : ""}${String(step)}`,
    )
    .join("");
}

/** Where in the text a key, or else an entry of a list, stands. */
function offsetOf(root: unknown, path: readonly PropertyKey[]): number | null {
  let node = root;
  let offset: number | null = null;
  for (const step of path) {
    if (!isNode(node) || !("items" in node) || !Array.isArray(node.items)) return null;
    const items: readonly unknown[] = node.items;
    if (typeof step === "number") {
      node = items[step];
      offset = isNode(node) ? (node.range?.[0] ?? null) : null;
      continue;
    }
    const pair = items.find(
      (item) => isPair(item) && isScalar(item.key) && item.key.value === step,
    );
    if (!isPair(pair)) return null;
    offset = isScalar(pair.key) ? (pair.key.range?.[0] ?? null) : null;
    node = pair.value;
  }
  return offset;
}

function failed(problems: readonly string[]): SettingsResult {
  const more = problems.length - PROBLEMS_MAX;
  const shown = problems.slice(0, PROBLEMS_MAX);
  return { settings: null, problems: more > 0 ? [...shown, `… and ${more} more`] : shown };
}
