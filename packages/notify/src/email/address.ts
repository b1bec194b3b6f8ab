import { TracerError } from "@tracer/core";

/** Where and how mail is handed over. */
export interface SmtpTarget {
  readonly host: string;
  readonly port: number;
  /** TLS from the first byte; else STARTTLS where the server has it. */
  readonly secure: boolean;
  readonly auth: { readonly user: string; readonly pass: string } | null;
  /** The connection must become TLS before anything is said: a password must not go out in the clear. */
  readonly requireTls: boolean;
}

/** Recipients of one channel. */
export const RECIPIENTS_MAX = 50;
const SMTP_PORT = 587;
const SMTPS_PORT = 465;

/** Reads `smtp://user:password@host:587` or `smtps://…:465`. Null: it is none. */
export function parseSmtpUrl(text: string): SmtpTarget | null {
  const url = URL.parse(text);
  if (url === null || url.hostname === "") return null;
  if (url.protocol !== "smtp:" && url.protocol !== "smtps:") return null;
  const secure = url.protocol === "smtps:";
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const user = decoded(url.username);
  const pass = decoded(url.password);
  if (user === null || pass === null || (user === "") !== (pass === "")) return null;
  const isLocal = host === "localhost" || host === "::1" || /^127\.[\d.]+$/u.test(host);
  return {
    host,
    port: url.port === "" ? (secure ? SMTPS_PORT : SMTP_PORT) : Number(url.port),
    secure,
    auth: user === "" ? null : { user, pass },
    requireTls: !secure && user !== "" && !isLocal,
  };
}

/** One address as `name@host` or `Name <name@host>`; null: it is none. */
export function parseAddress(
  text: string,
): { readonly address: string; readonly domain: string } | null {
  const match = /^(?:[^<>@\r\n,;"]*<(?<inside>[^<>\s]+)>|(?<bare>[^<>\s]+))$/u.exec(text.trim());
  const address = match?.groups?.["inside"] ?? match?.groups?.["bare"] ?? "";
  const parts =
    /^[^@\s<>,;:"()[\]\\]{1,64}@(?<domain>[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?)$/u.exec(
      address,
    );
  const domain = parts?.groups?.["domain"];
  return domain === undefined ? null : { address, domain: domain.toLowerCase() };
}

/** Addresses separated by commas, 1 to RECIPIENTS_MAX; null: one of them is none. */
export function parseRecipients(text: string): readonly string[] | null {
  const all = text.split(",").map((each) => each.trim());
  if (all.length > RECIPIENTS_MAX || all.some((each) => parseAddress(each) === null)) return null;
  return all;
}

/** The parsed value; throws CONFIG_INVALID, without it, where it is null. */
export function required<Value>(name: string, value: Value | null): Value {
  if (value !== null) return value;
  throw new TracerError("CONFIG_INVALID", `${name} is not usable`);
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
