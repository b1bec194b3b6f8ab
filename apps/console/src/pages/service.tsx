import type { BandPoint, BandSeries } from "@tracer/core/chart";
import { formatQuantity } from "@tracer/core/text";
import { useMemo } from "preact/hooks";
import type { Bucket, Decision, Decisions, IncidentPage, Series } from "../api/shapes.ts";
import { Chart } from "../components/chart.tsx";
import { IncidentRow } from "../components/incident-card.tsx";
import { Clock, Empty, Failure, Link, Plain, useTitle } from "../components/text.tsx";
import { plain } from "../format.ts";
import { useApp } from "../state/app.ts";
import { type Resource, useResource } from "../state/resource.ts";

const MINUTE_MS = 60_000;
const INCIDENTS_SHOWN_MAX = 10;

/** One service: what it gets against what is usual, why it does or does not alert, and its incidents. */
export function Page() {
  const { api, route } = useApp();
  const { query } = route.value;
  const name = query.get("name") ?? "";
  const environment = query.get("environment") ?? "";
  const path = `api/v1/services/${encodeURIComponent(name)}`;
  const asked = `environment=${encodeURIComponent(environment)}`;
  useTitle(plain(name, 80));
  const series = useResource(`series ${path} ${asked}`, () =>
    api.get<Series>(`${path}/series?${asked}`),
  );
  const decisions = useResource(`decisions ${path} ${asked}`, () =>
    api.get<Decisions>(`${path}/decisions?${asked}`),
  );
  const incidents = useResource(
    `incidents ${name}`,
    () =>
      api.get<IncidentPage>(
        `api/v1/incidents?service=${encodeURIComponent(name)}&limit=${INCIDENTS_SHOWN_MAX}`,
      ),
    { live: true },
  );
  return (
    <>
      <p class="back">
        <Link to="services">← All services</Link>
      </p>
      <h1>
        <Plain text={name} />
      </h1>
      {environment !== "" && (
        <p class="where">
          <Plain text={environment} />
        </p>
      )}
      <Charts series={series} />
      <Judgement decisions={decisions} />
      <section aria-labelledby="incidents-title">
        <h2 id="incidents-title">Incidents</h2>
        <Failure reason={incidents.error} what="Incidents" />
        {incidents.data?.incidents.length === 0 && (
          <Empty title="None, as far back as they are kept." />
        )}
        {incidents.data !== null && incidents.data.incidents.length > 0 && (
          <ul class="rows panel plain-rows">
            {incidents.data.incidents.map((incident) => (
              <li key={incident.id} class="row" data-item="">
                <IncidentRow incident={incident} />
              </li>
            ))}
          </ul>
        )}
      </section>
    </>
  );
}

function Charts({ series }: { readonly series: Resource<Series> }) {
  const { data, error } = series;
  const charts = useMemo(() => (data === null ? null : chartsOf(data.buckets)), [data]);
  if (data === null || charts === null) {
    return error === null ? null : (
      <Empty title={error}>
        <p>This processor holds nothing of a service of this name.</p>
      </Empty>
    );
  }
  return (
    <>
      <Failure reason={error} what="The series" />
      {charts.map((chart) => (
        <section key={chart.title} class="panel pad" aria-label={chart.title}>
          <h2>{chart.title}</h2>
          <Chart series={chart} caption={captionOf(chart)} />
        </section>
      ))}
    </>
  );
}

function captionOf({ points }: BandSeries): string {
  const hasBand = points.some(({ high }) => high !== null);
  return hasBand ? "The last hour; the shaded band is usual." : "The last hour.";
}

/** What is still filling is left out: it would look like a fall. */
function chartsOf(buckets: readonly Bucket[]): BandSeries[] {
  const closed = buckets.filter((bucket) => bucket.closed);
  const shown = closed.length > 0 ? closed : buckets;
  const series = (
    title: string,
    unit: BandSeries["unit"],
    pick: (bucket: Bucket) => BandPoint,
  ) => ({
    ...{ title, unit, stepMs: MINUTE_MS, points: shown.map(pick) },
  });
  const records = series("Records a minute", "records_per_minute", (bucket) => {
    const { startMs, records: value, expectedRecords, low, high } = bucket;
    const isKnown = high > 0;
    const band = isKnown ? { expected: expectedRecords, low, high } : UNKNOWN;
    return { startMs, value, ...band };
  });
  const errors = series(
    "Errors, share of records",
    "share",
    ({ startMs, records: all, ...rest }) => {
      return { startMs, value: all > 0 ? rest.errors / all : null, ...UNKNOWN };
    },
  );
  const latency = series("Typical latency", "milliseconds", (bucket) => {
    const { startMs, latencyMs, expectedLatencyMs, latencyLow, latencyHigh } = bucket;
    const band = { expected: expectedLatencyMs, low: latencyLow, high: latencyHigh };
    return { startMs, value: latencyMs, ...band };
  });
  const hasLatency = shown.some(({ latencyMs }) => latencyMs !== null);
  return hasLatency ? [records, errors, latency] : [records, errors];
}
const UNKNOWN = { expected: null, low: null, high: null } as const;

function Judgement({ decisions }: { readonly decisions: Resource<Decisions> }) {
  const { data, error } = decisions;
  if (data === null) return error === null ? null : <Failure reason={error} what="Decisions" />;
  return (
    <section aria-labelledby="decisions-title">
      <h2 id="decisions-title">What Tracer makes of it</h2>
      <p class="sentence">
        <Plain text={data.verdict} max={600} />
      </p>
      {data.decisions.length > 0 && (
        <ul class="panel decisions">
          {data.decisions.map((decision) => (
            <li key={`${decision.kind} ${decision.part}`}>
              <DecisionLine decision={decision} />
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function DecisionLine({ decision }: { readonly decision: Decision }) {
  const { kind, part, state, why, observed, expected, unit, evidence, bar } = decision;
  const quantity = (value: number | null) => formatQuantity(value, unit);
  return (
    <>
      <p>
        <strong>{plain(kind, 40)}</strong> {kind === "template" ? "" : plain(part, 40)}{" "}
        <span class="where">
          {plain(state, 40).replaceAll("_", " ")} since <Clock at={decision.from} />
        </span>
      </p>
      <p>
        <Plain text={why} max={400} />
        {decision.incidentId !== null && (
          <>
            {" "}
            <Link to={`i/${encodeURIComponent(decision.incidentId)}`}>The incident</Link>
          </>
        )}
      </p>
      {observed !== null && (
        <p class="where">
          {quantity(observed)} seen, {quantity(expected)} expected
          {evidence !== null &&
            bar !== null &&
            ` · evidence ${formatQuantity(evidence, "number")} of ${formatQuantity(bar, "number")} nats`}
        </p>
      )}
    </>
  );
}
