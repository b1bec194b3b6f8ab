import type { FastifyPluginAsync } from "fastify";
import type { ChannelStates } from "../channel-states.ts";

export interface ChannelRoutesOptions {
  readonly channels: ChannelStates;
}

/** The configured channels and how their last attempts ended. Never a secret. */
export const channelRoutes: FastifyPluginAsync<ChannelRoutesOptions> = async (
  app,
  { channels },
) => {
  app.get("/api/v1/channels", async () => ({ channels: channels.list() }));
};
