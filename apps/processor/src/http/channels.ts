import type { FastifyPluginAsync } from "fastify";
import type { ChannelStates } from "../channel-states.ts";
import { ANSWERS } from "./answers/index.ts";
import type { RouteDoc } from "./openapi/route-doc.ts";

export interface ChannelRoutesOptions {
  readonly channels: ChannelStates;
}

const DOC: RouteDoc = {
  tag: "operate",
  summary: "The configured channels, and how their last attempts ended.",
  answers: { 200: { schema: ANSWERS.ChannelList } },
};

/** The configured channels and how their last attempts ended. Never a secret. */
export const channelRoutes: FastifyPluginAsync<ChannelRoutesOptions> = async (
  app,
  { channels },
) => {
  app.get("/api/v1/channels", { config: { doc: DOC } }, async () => ({
    channels: channels.list(),
  }));
};
