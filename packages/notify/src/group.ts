import { type DeliveryTask, type GroupMember, severityRank } from "@tracer/core";

/**
 * What the shared message of a group shows: the card of its leader, with the others named in it. Of the
 * members that are open, of all when none is, the leader is the most severe, and of those the one that began first. The end
 * of one member is no end of the message. A task without a group is shown as it is.
 */
export function cardOf(task: DeliveryTask): DeliveryTask {
  const leader = leaderOf(task.group ?? []);
  if (leader === undefined) return task;
  const action = leader.incident.state === "open" ? "edit" : "resolve";
  return { ...task, action, incident: leader.incident, link: leader.link };
}

/** The same change as a message of its own, which tells of no other incident. */
export function aloneOf({ group: _group, ...task }: DeliveryTask): DeliveryTask {
  return task;
}

/** Nobody else in the group is as severe: what joins it is news, and not only one more line. */
export function isWorst({ group = [], incident }: DeliveryTask): boolean {
  const rank = severityRank(incident.severity);
  const others = group.filter(({ incident: { id } }) => id !== incident.id);
  return others.every((other) => severityRank(other.incident.severity) < rank);
}

/** The incident that a group's message began with: the message keeps its name. */
export function rootIdOf({ group, incident }: DeliveryTask): string {
  return group?.[0]?.incident.id ?? incident.id;
}

function leaderOf(group: readonly GroupMember[]): GroupMember | undefined {
  const open = group.filter(({ incident }) => incident.state === "open");
  return (open.length > 0 ? open : group).toSorted(
    ({ incident: one }, { incident: other }) =>
      severityRank(other.severity) - severityRank(one.severity) ||
      Date.parse(one.openedAt) - Date.parse(other.openedAt) ||
      0,
  )[0];
}
