import type { DeliveryTask, DigestTask } from "@tracer/core";
import { rootIdOf } from "../group.ts";

/**
 * The last line of a message that cannot carry metadata: how it is found again. That of a group is no change of
 * the incident whose name it keeps.
 */
export function markerLine(task: DeliveryTask): string {
  return `\`ref ${rootIdOf(task)}/${task.group === undefined ? task.seq : 0}\``;
}

/** As `markerLine`, for a digest; no incident's id is a digest's. */
export function digestMarkerLine(task: DigestTask): string {
  return `\`ref ${digestRef(task)}/0\``;
}

/** What `markerOf` reads as the incident's id. */
export function digestRef(task: DigestTask): string {
  return `digest_${task.id}`;
}

/**
 * Reads the marker of a message back, or null. Only the whole last line counts: log text is flat, so it can
 * never be a line of its own. Slack may have rewritten the formatting around it.
 */
export function markerOf(text: string): { incidentId: string; seq: number } | null {
  const end = text.trimEnd();
  const line = end
    .slice(end.lastIndexOf("\n") + 1)
    .replace(/[`*]/gu, "")
    .trim();
  const match = /^ref (?<incidentId>\S{1,100})\/(?<seq>\d{1,9})$/u.exec(line);
  const incidentId = match?.groups?.["incidentId"];
  const seq = match?.groups?.["seq"];
  return incidentId === undefined || seq === undefined ? null : { incidentId, seq: Number(seq) };
}
