import type { BandPoint, BandSeries } from "@tracer/core/chart";
import { formatDuration, formatNumber, formatQuantity, formatRatio } from "@tracer/core/text";
import { useEffect, useMemo } from "preact/hooks";
import type { Incident } from "../api/shapes.ts";
import { Acts } from "../components/acts.tsx";
import { Badge, lookOf, State } from "../components/badge.tsx";
import { Chart } from "../components/chart.tsx";
import { Deliveries } from "../components/deliveries.tsx";
import { Since } from "../components/incident-card.tsx";
import { closeReasonOf, whereOf } from "../components/incident-words.ts";
import { servicePath } from "../components/service-rows.tsx";
import { Ago, Clock, Empty, Failure, Link, Plain } from "../components/text.tsx";
import { Timeline } from "../components/timeline.tsx";
import { change, plain } from "../format.ts";
import { useApp } from "../state/app.ts";
import { useResource } from "../state/resource.ts";

const MINUTE_MS = 60_000;
const EXEMPLARS_MAX = 5;
const POLL_MS = 5_000;

/** One incident: what, since when, how bad, and what to press; then everything that led to it. */
export function IncidentPage({ id }: { readonly id: string }) {
  const { api } = useApp();
  const { data, error, reload } = useResource(
    `incident ${id}`,
    () => api.get<Incident>(`api/v1/incidents/${encodeURIComponent(id)}`),
    { live: true, pollMs: POLL_MS },
  );
  const title = data === null ? "" : plain(data.title, 80);
  useEffect(() => {
    document.title = title === "" ? "Incident · Tracer" : `${title} · Tracer`;
  }, [title]);
  return (
    <>
      <p class="back">
        <Link to="">← All incidents</Link>
      </p>
      {data === null && error !== null && (
        <>
          <h1>Incident</h1>
          <Empty title={error}>
            <p>Incidents are kept for a while after they end; the link may be older.</p>
          </Empty>
        </>
      )}
      {data !== null && (
        <>
          <Failure reason={error} what="The incident" />
          <Whole incident={data} reload={reload} />
        </>
      )}
    </>
  );
}

function Whole({ incident, reload }: { readonly incident: Incident; readonly reload: () => void }) {
  const { evidence, severity, state } = incident;
  const isOpen = state === "open";
  const reason = closeReasonOf(incident);
  return (
    <article class="incident" data-item="" data-incident={incident.id}>
      <header class={`panel lead ${isOpen ? `edge-${lookOf("severity", severity).tone}` : "over"}`}>
        <div class="card-head">
          <State of="severity" state={severity} over={!isOpen} />
          {!isOpen && (
            <Badge shape="check" tone="good">
              resolved
            </Badge>
          )}
          {incident.flapping && (
            <Badge shape="dots" tone="warning">
              flapping
            </Badge>
          )}
          <Since incident={incident} />
        </div>
        <h1>
          <Plain text={incident.title} max={300} />
        </h1>
        <p class="sentence">
          <Plain text={evidence.sentence} max={400} />
        </p>
        <p class="where">
          <Link to={servicePath(incident)}>{whereOf(incident)}</Link>
          {reason !== "" && ` · ${reason}`}
          {incident.ackedAt !== null && (
            <>
              {" · acknowledged by "}
              <Plain text={incident.ackedBy} max={100} /> <Ago at={incident.ackedAt} />
            </>
          )}
        </p>
        {incident.deploy !== null && (
          <p class="deploy">
            <Badge shape="info" tone="info">
              deploy
            </Badge>{" "}
            <Plain text={incident.deploy.version} /> went live at <Clock at={incident.deploy.at} />,
            shortly before.
          </p>
        )}
        <Acts incident={incident} onDone={reload} />
      </header>
      <EvidenceChart incident={incident} />
      <div class="columns even">
        <div>
          <Templates incident={incident} />
          <Exemplars lines={incident.exemplars} />
        </div>
        <div>
          <Timeline incident={incident} />
          <Deliveries deliveries={incident.deliveries ?? []} />
        </div>
      </div>
      {incident.kind !== "pipeline" && <Numbers incident={incident} />}
    </article>
  );
}

function EvidenceChart({ incident }: { readonly incident: Incident }) {
  const series = useMemo(() => seriesOf(incident), [incident]);
  if (series === null) return null;
  return (
    <section class="panel pad" aria-label="Chart">
      <Chart
        series={series}
        caption="The half hour to the last sighting; the shaded band is usual."
      />
    </section>
  );
}

/** The sparkline of the evidence as a series: it ends with the minute in which it was last seen. */
function seriesOf({ title, evidence, lastSeenAt, openedAt, severity, state, ...rest }: Incident) {
  const { sparkline, unit, expected, expectedLow, expectedHigh } = evidence;
  const endMs = Math.floor(Date.parse(lastSeenAt) / MINUTE_MS) * MINUTE_MS;
  if (sparkline.length === 0 || !Number.isFinite(endMs)) return null;
  const firstMs = endMs - (sparkline.length - 1) * MINUTE_MS;
  const points = sparkline.map((value, index): BandPoint => {
    const startMs = firstMs + index * MINUTE_MS;
    return { startMs, value, expected, low: expectedLow, high: expectedHigh };
  });
  const toMs = rest.resolvedAt === null ? null : Date.parse(rest.resolvedAt);
  const mark = { fromMs: Date.parse(openedAt), toMs, severity, label: plain(title, 100) };
  const series: BandSeries = {
    ...{ title: plain(title, 100), unit, points, stepMs: MINUTE_MS, marks: [mark] },
  };
  return series;
}

function Templates({ incident }: { readonly incident: Incident }) {
  const templates = incident.evidence.templates ?? [];
  if (templates.length === 0) return null;
  return (
    <section aria-labelledby="templates-title">
      <h2 id="templates-title">What changed, by message</h2>
      <ul class="panel templates">
        {templates.map(({ text, level, before, now, isNew }) => (
          <li key={text}>
            <code>
              <Plain text={text} max={300} />
            </code>
            <span class="where">
              {isNew ? (
                <Badge shape="info" tone="info">
                  new
                </Badge>
              ) : null}{" "}
              {plain(level, 20)} · <strong>{formatQuantity(now, "records_per_minute")}</strong>
              {isNew ? "" : `, was ${formatQuantity(before, "records_per_minute")}`}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Exemplars({ lines }: { readonly lines: readonly string[] }) {
  if (lines.length === 0) return null;
  return (
    <section aria-labelledby="lines-title">
      <h2 id="lines-title">Example lines</h2>
      <ol class="panel lines">
        {lines.slice(0, EXEMPLARS_MAX).map((line, index) => (
          <li key={`${index} ${line}`} dir="ltr">
            <code>
              <Plain text={line} max={600} />
            </code>
          </li>
        ))}
      </ol>
    </section>
  );
}

function Numbers({ incident }: { readonly incident: Incident }) {
  const { kind, part, evidence, occurrences, lastSeenAt } = incident;
  const { unit, ratio } = evidence;
  const of = (value: number | null) => formatQuantity(value, unit);
  const rows: [string, string][] = [
    ["Observed", of(evidence.observed)],
    [part === "drop" ? "Lowest" : "Peak", of(evidence.peak)],
    ...(kind === "template" ? [] : comparisonOf()),
    ["Evidence", `${formatNumber(evidence.evidence)} of ${formatNumber(evidence.bar)} nats`],
    ["Sample", formatNumber(evidence.sampleSize)],
    ["Baseline age", formatDuration(evidence.baselineAgeSeconds)],
    ["Sightings", formatNumber(occurrences)],
  ];
  function comparisonOf(): [string, string][] {
    return [
      ["Expected", of(evidence.expected)],
      ["Usual range", `${of(evidence.expectedLow)} to ${of(evidence.expectedHigh)}`],
      ["Ratio", formatRatio(ratio)],
      ["z", formatNumber(evidence.z)],
      ["EWMA", of(evidence.ewma)],
      ["Rate of change", change(evidence.rateOfChange)],
    ];
  }
  return (
    <section aria-labelledby="numbers-title">
      <h2 id="numbers-title">The numbers behind the decision</h2>
      <dl class="panel numbers">
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
        <div>
          <dt>Last seen</dt>
          <dd>
            <Ago at={lastSeenAt} />
          </dd>
        </div>
      </dl>
    </section>
  );
}
