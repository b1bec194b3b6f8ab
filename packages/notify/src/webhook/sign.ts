import { createHmac } from "node:crypto";

const PREFIX = "whsec_";
const KEY_BYTES_MIN = 24;
const KEY_BYTES_MAX = 64;
/** Secrets that are valid at once while one is replaced by another. */
const SECRETS_MAX = 4;

/**
 * The keys of one or several secrets, separated by spaces: each `whsec_` and base64 of 24 to 64 bytes. Null:
 * it is none.
 */
export function parseSecrets(text: string): readonly Buffer[] | null {
  const secrets = text.split(/\s+/).filter((secret) => secret !== "");
  if (secrets.length === 0 || secrets.length > SECRETS_MAX) return null;
  const keys: Buffer[] = [];
  for (const secret of secrets) {
    const encoded = secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : secret;
    const key = Buffer.from(encoded, "base64");
    const isBase64 = /^[A-Za-z0-9+/]+={0,2}$/.test(encoded);
    if (!isBase64 || key.length < KEY_BYTES_MIN || key.length > KEY_BYTES_MAX) return null;
    keys.push(key);
  }
  return keys;
}

export interface SignedMessage {
  /** The same on every attempt: by it a receiver knows a repeat. */
  readonly id: string;
  /** Unix seconds of this attempt. */
  readonly timestamp: number;
  readonly body: string;
}

/** The headers of Standard Webhooks; without keys there is no signature. */
export function webhookHeaders({ id, timestamp, body }: SignedMessage, keys: readonly Buffer[]) {
  const signed = `${id}.${timestamp}.${body}`;
  const signatures = keys.map(
    (key) => `v1,${createHmac("sha256", key).update(signed).digest("base64")}`,
  );
  return {
    "webhook-id": id,
    "webhook-timestamp": String(timestamp),
    ...(signatures.length === 0 ? {} : { "webhook-signature": signatures.join(" ") }),
  };
}
