import type * as store from "@tracer/store";
import { SILENCE_STATES } from "@tracer/store";
import { z } from "zod";
import { IncidentBare } from "./incident.ts";

const Time = z.iso.datetime();
const nextCursor = z
  .string()
  .nullable()
  .describe("`cursor` of the next page; null: there is none.");

const Silence = z.strictObject({
  id: z.string(),
  matchers: z.record(z.string(), z.string()),
  reason: z.string(),
  createdBy: z.string(),
  createdAt: Time,
  startsAt: Time,
  endsAt: Time,
  state: z.enum(SILENCE_STATES),
  held: z.int().describe("Messages that it kept from being sent."),
}) satisfies z.ZodType<store.Silence>;

const SilencePage = z.strictObject({ silences: z.array(Silence), nextCursor });

const SilencePreview = z.strictObject({
  incidents: z.array(IncidentBare).describe("Open incidents that it would hold back."),
});

const Deploy = z.strictObject({
  id: z.string(),
  service: z.string(),
  version: z.string(),
  environment: z.string().describe('`""`: in every environment.'),
  at: Time,
}) satisfies z.ZodType<store.Deploy>;

const DeployList = z.strictObject({ deploys: z.array(Deploy) });

export const ACT_ANSWERS = {
  Silence,
  SilencePage,
  SilencePreview,
  Deploy,
  DeployList,
} as const;
