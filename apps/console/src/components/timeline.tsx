import type { Incident } from "../api/shapes.ts";
import { delayText, plain } from "../format.ts";
import { ACTION_WORDS } from "./incident-words.ts";
import { Clock, Plain } from "./text.tsx";

interface Moment {
  readonly at: string;
  readonly what: string;
  readonly who?: string;
}

const MOMENTS_MAX = 40;

/** From what went before to the last message, with how long before or after its detection that was. */
export function Timeline({ incident }: { readonly incident: Incident }) {
  const moments = momentsOf(incident);
  const detectedMs = Date.parse(detectedAtOf(incident) ?? incident.openedAt);
  return (
    <section aria-labelledby="timeline-title">
      <h2 id="timeline-title">Timeline</h2>
      <ol class="panel timeline">
        {moments.slice(0, MOMENTS_MAX).map(({ at, what, who }) => (
          <li key={`${at} ${what} ${who ?? ""}`}>
            <Clock at={at} seconds />
            <span>
              {what}
              {who !== undefined && (
                <>
                  {" "}
                  <strong>
                    <Plain text={who} max={100} />
                  </strong>
                </>
              )}
            </span>
            <span class="where">{delayText(Date.parse(at) - detectedMs)}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}

/** When the first message of it was written, in the same statement as the incident; null when none was. */
function detectedAtOf({ deliveries = [] }: Incident): string | null {
  return deliveries.map(({ createdAt }) => createdAt).sort()[0] ?? null;
}

function momentsOf(incident: Incident): Moment[] {
  const { deploy, openedAt, ackedAt, ackedBy, resolvedAt, ...rest } = incident;
  const moments: Moment[] = [{ at: openedAt, what: "it began" }];
  const detectedAt = detectedAtOf(incident);
  if (detectedAt !== null) moments.push({ at: detectedAt, what: "detected, incident opened" });
  if (deploy !== null) moments.push({ at: deploy.at, what: "deploy of", who: deploy.version });
  if (ackedAt !== null) moments.push({ at: ackedAt, what: "acknowledged by", who: ackedBy ?? "" });
  if (resolvedAt !== null) moments.push({ at: resolvedAt, what: "resolved" });
  for (const { action, channel, sentAt, tries = [] } of rest.deliveries ?? []) {
    const words = ACTION_WORDS[action] ?? plain(action, 20);
    for (const { startedAt, outcome } of tries) {
      if (outcome === null || outcome === "sent") continue;
      moments.push({
        at: startedAt,
        what: `${words} failed (${plain(outcome, 20)}) to`,
        who: channel,
      });
    }
    if (sentAt !== null) moments.push({ at: sentAt, what: `${words} delivered to`, who: channel });
  }
  return moments.sort((left, right) => Date.parse(left.at) - Date.parse(right.at));
}
