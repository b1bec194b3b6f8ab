import type { Incident } from "../api/shapes.ts";
import { plain } from "../format.ts";

const CLOSE_REASONS: Readonly<Record<string, string>> = {
  quiet: "not seen for the quiet period",
  clear: "back to normal",
  manual: "resolved by hand",
  superseded: "replaced by a newer incident",
};

/** How it ended where that is no recovery; the same words as in messages. */
const ENDINGS: Readonly<Record<string, string>> = {
  accepted: "taken as the new normal",
  accepted_by_hand: "accepted by hand as the new normal",
  no_records: "no records any more",
  not_seen: "not seen any more",
};

/** Why an incident ended; "" while it is open. */
export function closeReasonOf({ closeReason, evidence }: Incident): string {
  const ending = closeReason === "clear" ? ENDINGS[evidence?.ending ?? ""] : undefined;
  return ending ?? CLOSE_REASONS[closeReason ?? ""] ?? "";
}

/** Project, environment and kind: what the title does not say. */
export function whereOf({ project, environment, service, kind, part }: Incident): string {
  const names = [project === "default" ? "" : project, environment, service].filter(
    (name) => name !== "",
  );
  const place = names.map((name) => plain(name, 200)).join(" / ");
  // The part of a new kind of message is a hash: nothing to read.
  const named = kind === "template" ? "" : plain(part, 40);
  return `${place} · ${plain(kind, 40)}${named === "" ? "" : ` ${named}`}`;
}

const SEVERITIES = ["info", "warning", "error", "critical"];

/** Worst first, then newest. */
export function worstFirst(left: Incident, right: Incident): number {
  const rank = SEVERITIES.indexOf(right.severity) - SEVERITIES.indexOf(left.severity);
  return rank || (left.openedAt < right.openedAt ? 1 : -1);
}

export const ACTION_WORDS: Readonly<Record<string, string>> = {
  open: "first message",
  escalate: "escalation",
  repeat: "reminder",
  edit: "update in place",
  resolve: "resolved message",
  test: "test",
};
