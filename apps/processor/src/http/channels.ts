import { TracerError } from "@tracer/core";
import type { FastifyPluginAsync } from "fastify";
import { z } from "zod";
import type { ChannelStates } from "../channel-states.ts";
import type { Trial, TrialStep } from "../channel-trial.ts";
import { ANSWERS } from "./answers/index.ts";
import { noteAct } from "./audit.ts";
import { parseInput } from "./input.ts";
import type { RouteDoc } from "./openapi/route-doc.ts";

export interface ChannelRoutesOptions {
  readonly channels: ChannelStates;
  /** Sends a message that is marked as a test, and ends it. Null: there is no channel of this name. */
  readonly test: (name: string, onStep: (step: TrialStep) => void) => Promise<Trial> | null;
}

const Params = z.object({ name: z.string().min(1).max(200) });

const LIST: RouteDoc = {
  tag: "operate",
  summary: "The configured channels, and how their last attempts ended.",
  answers: { 200: { schema: ANSWERS.ChannelList } },
};
const TEST: RouteDoc = {
  tag: "operate",
  summary: "Really sends a message that is marked as a test, and ends it.",
  params: Params,
  answers: {
    200: { schema: ANSWERS.ChannelTested, description: "`ok` and the provider's own words." },
  },
};

/** The configured channels and how their last attempts ended. Never a secret. */
export const channelRoutes: FastifyPluginAsync<ChannelRoutesOptions> = async (app, options) => {
  app.get("/api/v1/channels", { config: { doc: LIST } }, async () => ({
    channels: options.channels.list(),
  }));

  const operate = { config: { scope: "operate" as const, doc: TEST } };
  app.post("/api/v1/channels/:name/test", operate, async (request) => {
    const { name } = parseInput(Params, request.params);
    const steps: { action: string; outcome: string; reason: string | null; tookMs: number }[] = [];
    const trial = options.test(name, ({ action, verdict, tookMs }) => {
      const reason = verdict.kind === "sent" ? null : verdict.reason;
      steps.push({ action, outcome: verdict.kind, reason, tookMs });
    });
    if (trial === null) {
      throw new TracerError("CHANNEL_UNKNOWN", "There is no channel of this name.");
    }
    const { ok, see } = await trial;
    noteAct(request, "channel.test", name);
    return { channel: name, ok, see, steps };
  });
};
