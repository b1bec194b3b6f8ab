import type { DeliveryTask } from "@tracer/core";

/** The last line of a message that cannot carry metadata: how it is found again. */
export function markerLine(task: DeliveryTask): string {
  return `\`ref ${task.incident.id}/${task.seq}\``;
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
