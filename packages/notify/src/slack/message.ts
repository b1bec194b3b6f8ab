import type { DeliveryTask } from "@tracer/core";
import type { PostOptions, SlackReceipt } from "./deliver.ts";
import { clientMessageId, metadataOf } from "./identity.ts";
import { renderCard, renderPlain, renderReply } from "./render.ts";

interface MessageOptions extends PostOptions {
  readonly channel: string;
  readonly plain: boolean;
}

/** The body of `chat.postMessage`. */
export function slackMessage(task: DeliveryTask, options: MessageOptions) {
  const { channel, thread, maybeRepeat, plain } = options;
  const answers = thread !== null && task.action !== "resolve";
  const render = plain ? renderPlain : answers ? renderReply : renderCard;
  // An answer under an old message is seen by nobody unless the channel shows it, too.
  const place = thread === null ? {} : { thread_ts: thread.ts, reply_broadcast: true };
  return {
    channel: thread?.channel ?? channel,
    ...render(task, { maybeRepeat }),
    ...place,
    unfurl_links: false,
    unfurl_media: false,
    client_msg_id: clientMessageId(task, channel),
    metadata: metadataOf(task),
  };
}

/** The body of `chat.update`: the whole card as it stands now. */
export function slackUpdate(
  task: DeliveryTask,
  at: SlackReceipt,
  { plain }: { readonly plain: boolean },
) {
  const render = plain ? renderPlain : renderCard;
  return { channel: at.channel, ts: at.ts, ...render(task), metadata: metadataOf(task) };
}
