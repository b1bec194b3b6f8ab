import type * as store from "@tracer/store";
import { ACTS, KEY_SCOPES, KEY_STATES } from "@tracer/store";
import { z } from "zod";

const Time = z.iso.datetime();

const Key = z.strictObject({
  id: z.string(),
  project: z.string(),
  label: z.string(),
  prefix: z.string().describe("The first digits of its random part."),
  scopes: z.array(z.enum(KEY_SCOPES)),
  service: z.string().nullable().describe("Every record that it sends counts as this service's."),
  state: z.enum(KEY_STATES),
  createdAt: Time,
  createdBy: z.string().nullable(),
  expiresAt: Time.nullable(),
  lastUsedAt: Time.nullable().describe("To the minute."),
  revokedAt: Time.nullable(),
}) satisfies z.ZodType<store.KeyRecord>;

const KeyList = z.strictObject({ keys: z.array(Key) });

const KeyMade = Key.extend({ key: z.string().describe("In full, this once.") });

const AuditEntry = z.strictObject({
  id: z.string(),
  at: Time,
  project: z.string(),
  actor: z.string(),
  act: z.enum(ACTS),
  subject: z.string(),
}) satisfies z.ZodType<store.AuditEntry>;

const AuditPage = z.strictObject({
  entries: z.array(AuditEntry),
  nextCursor: z.string().nullable(),
});

const LoggedIn = z.strictObject({
  project: z.string(),
  name: z.string(),
  scopes: z.array(z.enum(KEY_SCOPES)),
});

export const ADMINISTER_ANSWERS = {
  Key,
  KeyList,
  KeyMade,
  AuditPage,
  LoggedIn,
} as const;
