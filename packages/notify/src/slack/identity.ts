import { createHash } from "node:crypto";
import type { DeliveryTask, DigestTask } from "@tracer/core";
import type { Notice } from "../channel.ts";
import { rootIdOf } from "../group.ts";

/** Namespace of Tracer's UUIDs, drawn once. */
const NAMESPACE = "6f2b1d7e-9a53-4c0e-8d41-3b7c5e90a2f6";

/** UUID version 5 (SHA-1) of a name in Tracer's namespace. */
export function uuidOf(name: string): string {
  const hash = createHash("sha1")
    .update(Buffer.from(NAMESPACE.replaceAll("-", ""), "hex"))
    .update(name)
    .digest()
    .subarray(0, 16);
  hash.writeUInt8((hash.readUInt8(6) & 0x0f) | 0x50, 6);
  hash.writeUInt8((hash.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = hash.toString("hex");
  const parts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20)];
  return `${parts.join("-")}-${hex.slice(20)}`;
}

/**
 * The same on every attempt of a delivery: Slack may recognise a repeat by it. The opening time keeps apart
 * incidents of databases that both began to count at 1.
 */
export function clientMessageId(task: DeliveryTask, channel: string): string {
  const { id, openedAt } = task.incident;
  return uuidOf(JSON.stringify([id, openedAt, channel, task.action, task.seq]));
}

export const METADATA_EVENT = "tracer_incident";

/** Hidden in the message, and how it is found again in the history. */
export function metadataOf(task: DeliveryTask) {
  return {
    event_type: METADATA_EVENT,
    event_payload: {
      incident_id: rootIdOf(task),
      delivery_id: task.deliveryId,
      revision: task.seq,
      status: task.incident.state,
      ...membersOf(task),
    },
  };
}

/** Every incident that the message tells of, with its state. */
function membersOf({ group }: DeliveryTask) {
  if (group === undefined) return {};
  return { members: group.map(({ incident: { id, state } }) => `${id} ${state}`) };
}

export const NOTICE_EVENT = "tracer_notice";

/** As `metadataOf`, for what is told of Tracer itself. */
export function noticeMetadataOf({ key, state }: Notice) {
  return { event_type: NOTICE_EVENT, event_payload: { key, state } };
}

export const DIGEST_EVENT = "tracer_digest";

/** As `metadataOf`, for a message about many incidents. */
export function digestMetadataOf(task: DigestTask) {
  return { event_type: DIGEST_EVENT, event_payload: { digest_id: task.id } };
}
