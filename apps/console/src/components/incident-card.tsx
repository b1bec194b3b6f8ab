import { formatDuration } from "@tracer/core/text";
import type { Delivery, Incident } from "../api/shapes.ts";
import { plain } from "../format.ts";
import { Acts } from "./acts.tsx";
import { Badge, lookOf, State } from "./badge.tsx";
import { Sparkline } from "./chart.tsx";
import { closeReasonOf, whereOf } from "./incident-words.ts";
import { Ago, Clock, Link, Plain } from "./text.tsx";

interface IncidentProps {
  readonly incident: Incident;
  readonly onDone: () => void;
}

/** An open incident on the overview: what, since when, how bad, and what to press. */
export function IncidentCard({ incident, onDone }: IncidentProps) {
  const { severity, evidence, title } = incident;
  const [example] = incident.exemplars;
  return (
    <article
      class={`panel card edge-${lookOf("severity", severity).tone}`}
      data-item=""
      data-incident={incident.id}
    >
      <div class="card-head">
        <State of="severity" state={severity} />
        {incident.ackedAt !== null && (
          <Badge shape="check" tone="dull">
            acknowledged
          </Badge>
        )}
        {incident.flapping && (
          <Badge shape="dots" tone="warning">
            flapping
          </Badge>
        )}
        <Since incident={incident} />
      </div>
      <div class="card-body">
        <div>
          <h3>
            <IncidentLink incident={incident} />
          </h3>
          <p class="where">{whereOf(incident)}</p>
          <p class="sentence">
            <Plain text={evidence.sentence} max={400} />
          </p>
          {example !== undefined && (
            <p class="example" dir="ltr">
              <code>
                <Plain text={example} max={300} />
              </code>
            </p>
          )}
        </div>
        {evidence.sparkline.length > 0 && (
          <div class="card-chart">
            <Sparkline
              values={evidence.sparkline}
              title={plain(title, 100)}
              low={evidence.expectedLow}
              high={evidence.expectedHigh}
            />
            <Told deliveries={incident.deliveries} />
          </div>
        )}
      </div>
      <Acts incident={incident} onDone={onDone} compact />
    </article>
  );
}

export function IncidentLink({ incident }: { readonly incident: Incident }) {
  return (
    <Link to={`i/${encodeURIComponent(incident.id)}`} data-row="">
      <Plain text={incident.title} max={300} />
    </Link>
  );
}

/** One of many, or one that is over: a line. */
export function IncidentRow({ incident }: { readonly incident: Incident }) {
  const isOpen = incident.state === "open";
  return (
    <>
      <State of="severity" state={incident.severity} over={!isOpen} />
      <span class="row-main">
        <IncidentLink incident={incident} />
        <span class="where">{isOpen ? whereOf(incident) : closeReasonOf(incident)}</span>
      </span>
      <Since incident={incident} />
    </>
  );
}

export function Since({ incident }: { readonly incident: Incident }) {
  const { state, openedAt, resolvedAt } = incident;
  if (state === "open" || resolvedAt === null) {
    return (
      <span class="since">
        since{" "}
        <strong>
          <Clock at={openedAt} />
        </strong>{" "}
        · <Ago at={openedAt} after="" />
      </span>
    );
  }
  const lasted = formatDuration((Date.parse(resolvedAt) - Date.parse(openedAt)) / 1_000);
  return (
    <span class="since">
      lasted {lasted} · ended <Ago at={resolvedAt} />
    </span>
  );
}

/** Per channel what needs attention, else the newest message that notified somebody. */
function Told({ deliveries }: { readonly deliveries: readonly Delivery[] | undefined }) {
  if (deliveries === undefined) return null;
  if (deliveries.length === 0)
    return <p class="told">Nobody was told: no channel, or a silence.</p>;
  return (
    <ul class="told">
      {summaryOf(deliveries).map(({ id, channel, state, sentAt }) => (
        <li key={id}>
          <strong>
            <Plain text={channel} max={60} />
          </strong>{" "}
          <State of="delivery" state={state} />{" "}
          {sentAt !== null && (
            <span class="where">
              <Ago at={sentAt} />
            </span>
          )}
        </li>
      ))}
    </ul>
  );
}

function summaryOf(deliveries: readonly Delivery[]): Delivery[] {
  const byChannel = new Map<string, Delivery>();
  const weight = ({ state, action }: Delivery) =>
    (state === "dead" ? 4 : state === "pending" ? 2 : 0) + (action === "edit" ? -1 : 0);
  for (const delivery of deliveries) {
    const held = byChannel.get(delivery.channel);
    if (held === undefined || weight(delivery) >= weight(held)) {
      byChannel.set(delivery.channel, delivery);
    }
  }
  return [...byChannel.values()];
}
