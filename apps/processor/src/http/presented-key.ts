import type { IncomingHttpHeaders } from "node:http";

/** What a request shows as its key. */
export interface PresentedKey {
  /** The key, in each way that it can be meant; at least one. */
  readonly candidates: readonly string[];
  /** True when a browser adds it by itself to requests of any page. */
  readonly ambient: boolean;
}

/** Names of the cookie that holds a session's token; the first where it must come over TLS. */
export const SESSION_COOKIES = ["__Host-tracer_session", "tracer_session"] as const;

/** Headers that hold nothing but the key: of ours, Datadog's, Firehose's. */
const KEY_HEADERS = ["x-api-key", "dd-api-key", "x-amz-firehose-access-key"] as const;

/**
 * The key of a request, in whatever way its client gives it: `Authorization` with Bearer, Splunk, ApiKey, Token
 * or Basic (the password, or the user name of an empty one), then the headers of `KEY_HEADERS`, then a session's cookie, then the
 * query parameter `keyInQuery`, which only routes have whose clients know no other way. Null: none is there.
 */
export function presentedKey(
  headers: IncomingHttpHeaders,
  query: unknown,
  keyInQuery: string | null,
): PresentedKey | null {
  const authorized = authorizationKey(headers.authorization ?? "");
  if (authorized !== null) return authorized;
  for (const name of KEY_HEADERS) {
    const header = headers[name];
    if (typeof header === "string" && header !== "") return certain(header);
  }
  const session = sessionToken(headers);
  if (session !== null) return { candidates: [session], ambient: true };
  const asked = keyInQuery === null ? "" : parameterOf(query, keyInQuery);
  return asked === "" ? null : certain(asked);
}

/** The token of the session's cookie; null where there is none. */
export function sessionToken({ cookie = "" }: IncomingHttpHeaders): string | null {
  const pairs = cookie.split(";").map((pair) => pair.trim().split("="));
  for (const name of SESSION_COOKIES) {
    const token = pairs.find(([key]) => key === name)?.[1];
    if (token !== undefined && token !== "") return token;
  }
  return null;
}

function authorizationKey(header: string): PresentedKey | null {
  const space = header.indexOf(" ");
  if (space < 0) return null;
  const value = header.slice(space + 1).trim();
  if (value === "") return null;
  switch (header.slice(0, space).toLowerCase()) {
    case "bearer":
    case "splunk":
    case "token":
      return certain(value);
    case "apikey": {
      // Elasticsearch's clients send base64 of "id:key", or what they were given, as it is.
      const key = elasticKey(value);
      return key === null ? certain(value) : { candidates: [value, key], ambient: false };
    }
    case "basic": {
      const text = Buffer.from(value, "base64").toString("utf8");
      const colon = text.indexOf(":");
      const password = colon < 0 ? "" : text.slice(colon + 1);
      const key = password === "" ? text.slice(0, colon < 0 ? text.length : colon) : password;
      return key === "" ? null : { candidates: [key], ambient: true };
    }
    default:
      return null;
  }
}

function certain(key: string): PresentedKey {
  return { candidates: [key], ambient: false };
}

/** The key in base64 of "id:key"; null when it is nothing of the kind. */
function elasticKey(value: string): string | null {
  if (!/^[A-Za-z0-9+/]+=*$/.test(value)) return null;
  const text = Buffer.from(value, "base64").toString("latin1");
  const key = /^[\x21-\x39\x3b-\x7e]*:([\x21-\x7e]+)$/.exec(text)?.[1];
  return key ?? null;
}

function parameterOf(query: unknown, name: string): string {
  if (typeof query !== "object" || query === null) return "";
  const found = Object.entries(query).find(([key]) => key === name)?.[1];
  const first = Array.isArray(found) ? found[0] : found;
  return typeof first === "string" ? first : "";
}
