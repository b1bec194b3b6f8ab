import { useEffect } from "preact/hooks";
import type { Api } from "../api/client.ts";
import type { Channel, Incident, IncidentPage, Services } from "../api/shapes.ts";
import { State } from "../components/badge.tsx";
import { FirstRun } from "../components/first-run.tsx";
import { IncidentCard, IncidentRow } from "../components/incident-card.tsx";
import { worstFirst } from "../components/incident-words.ts";
import { Rows } from "../components/rows.tsx";
import { ServiceRows } from "../components/service-rows.tsx";
import { Ago, Empty, Failure, Link, Plain } from "../components/text.tsx";
import { count } from "../format.ts";
import { useApp } from "../state/app.ts";
import { type Resource, useResource } from "../state/resource.ts";

/** Pages of open incidents that are read. */
const OPEN_PAGES_MAX = 5;
const PAGE_SIZE = 200;
/** Up to so many open incidents are shown as cards; more as rows. */
const CARDS_MAX = 12;
const SERVICES_SHOWN_MAX = 12;
const RESOLVED_SHOWN_MAX = 10;

/** Open incidents first, then services, channels, and what is over. */
export function Overview() {
  const { api, counts } = useApp();
  const open = useResource("open", () => openIncidents(api), { pollMs: 15_000, live: true });
  const resolved = useResource("resolved", () => resolvedIncidents(api), {
    ...{ pollMs: 30_000, live: true },
  });
  const services = useResource("services", () => api.get<Services>(SERVICES_PATH), {
    ...{ pollMs: 5_000, live: true },
  });
  const channels = useResource("channels", () => channelsOf(api), { live: true });
  const openCount = open.data?.incidents.length ?? 0;
  useEffect(() => {
    document.title = openCount === 0 ? "Tracer" : `(${openCount}) Tracer`;
  }, [openCount]);
  const reload = () => {
    open.reload();
    resolved.reload();
  };
  return (
    <>
      <div class="page-head">
        <h1>Overview</h1>
        <Rate />
      </div>
      <FirstRun
        recordsTotal={counts.value?.recordsTotal ?? null}
        channels={channels.data}
        hadIncident={openCount > 0 || (resolved.data?.length ?? 0) > 0}
      />
      <OpenIncidents open={open} reload={reload} />
      <section aria-labelledby="services-title">
        <div class="section-head">
          <h2 id="services-title">Services</h2>
          <Link to="services">All services</Link>
        </div>
        <ServiceList services={services} />
      </section>
      <div class="columns">
        <section aria-labelledby="channels-title">
          <div class="section-head">
            <h2 id="channels-title">Channels</h2>
            <Link to="channels">Details</Link>
          </div>
          <ChannelList channels={channels} />
        </section>
        {resolved.data !== null && resolved.data.length > 0 && (
          <section aria-labelledby="resolved-title">
            <h2 id="resolved-title">Recently resolved</h2>
            <ul class="rows panel plain-rows">
              {resolved.data.map((incident) => (
                <li key={incident.id} class="row" data-item="">
                  <IncidentRow incident={incident} />
                </li>
              ))}
            </ul>
          </section>
        )}
      </div>
    </>
  );
}

const SERVICES_PATH = `api/v1/services?limit=${SERVICES_SHOWN_MAX}`;

async function openIncidents(api: Api): Promise<{ incidents: Incident[]; more: boolean }> {
  const incidents: Incident[] = [];
  let cursor: string | null = "";
  for (let page = 0; page < OPEN_PAGES_MAX && cursor !== null; page += 1) {
    const after: string = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const path = `api/v1/incidents?state=open&limit=${PAGE_SIZE}${after}`;
    const answer: IncidentPage = await api.get<IncidentPage>(path);
    incidents.push(...answer.incidents);
    cursor = answer.nextCursor;
  }
  return { incidents: incidents.sort(worstFirst), more: cursor !== null };
}

async function resolvedIncidents(api: Api): Promise<Incident[]> {
  const path = `api/v1/incidents?state=resolved&limit=${RESOLVED_SHOWN_MAX}`;
  const { incidents } = await api.get<IncidentPage>(path);
  return [...incidents].sort((a, b) => ((a.resolvedAt ?? "") < (b.resolvedAt ?? "") ? 1 : -1));
}

async function channelsOf(api: Api): Promise<readonly Channel[]> {
  return (await api.get<{ channels: Channel[] }>("api/v1/channels")).channels;
}

function Rate() {
  const { counts } = useApp();
  if (counts.value === null) return null;
  const { recordsTotal, recordsPerSecond, services } = counts.value;
  return (
    <dl class="rate">
      <div>
        <dt>records received</dt>
        <dd id="count">{count(recordsTotal)}</dd>
      </div>
      <div>
        <dt>a second</dt>
        <dd>{count(recordsPerSecond)}</dd>
      </div>
      <div>
        <dt>{services === 1 ? "service" : "services"}</dt>
        <dd>{count(services)}</dd>
      </div>
    </dl>
  );
}

function OpenIncidents({
  open,
  reload,
}: {
  readonly open: Resource<{ incidents: Incident[]; more: boolean }>;
  readonly reload: () => void;
}) {
  const incidents = open.data?.incidents ?? [];
  const suffix =
    incidents.length === 0 ? "" : ` (${incidents.length}${open.data?.more ? "+" : ""})`;
  return (
    <section aria-labelledby="open-title" id="open-section">
      <h2 id="open-title">Open incidents{suffix}</h2>
      <Failure reason={open.error} what="Incidents" />
      {open.data !== null && incidents.length === 0 && (
        <Empty title="Nothing is wrong that Tracer can see." />
      )}
      {incidents.length > 0 && incidents.length <= CARDS_MAX && (
        <div class="cards">
          {incidents.map((incident) => (
            <IncidentCard key={incident.id} incident={incident} onDone={reload} />
          ))}
        </div>
      )}
      {incidents.length > CARDS_MAX && (
        <Rows
          items={incidents}
          keyOf={({ id }) => id}
          label="Open incidents"
          wideRem={3.75}
          narrowRem={6.5}
          render={(incident) => <IncidentRow incident={incident} />}
        />
      )}
    </section>
  );
}

function ServiceList({ services }: { readonly services: Resource<Services> }) {
  const { data, error } = services;
  if (data === null) return <Failure reason={error} what="Services" />;
  const { services: listed, room } = data;
  const isLearning = listed.length > 0 && listed.every(({ state }) => state === "learning");
  return (
    <>
      <Failure reason={error} what="Services" />
      {room.otherRecords > 0 && (
        <p class="hint">
          There are more services than SERIES_MAX ({count(room.seriesMax)}):{" "}
          {count(room.otherRecords)} records were counted under (other).
        </p>
      )}
      {isLearning && <p class="hint">Tracer is still learning what is normal here.</p>}
      {listed.length === 0 ? (
        <Empty title="None yet: a service appears with its first record." />
      ) : (
        <ServiceRows services={listed.slice(0, SERVICES_SHOWN_MAX)} label="Services" />
      )}
    </>
  );
}

function ChannelList({ channels }: { readonly channels: Resource<readonly Channel[]> }) {
  const { data, error } = channels;
  if (data === null) return <Failure reason={error} what="Channels" />;
  const isTerminal = data.every(({ kind }) => kind === "console");
  return (
    <>
      <ul class="panel channels">
        {data.map(({ name, state, lastSuccessAt, lastError }) => (
          <li key={name}>
            <strong>
              <Plain text={name} />
            </strong>
            <State of="channel" state={state} />
            {lastSuccessAt !== null && (
              <span class="where">
                last delivered <Ago at={lastSuccessAt} />
              </span>
            )}
            {lastError !== null && state !== "ok" && (
              <span class="failure">
                <Plain text={lastError} max={300} />
              </span>
            )}
          </li>
        ))}
      </ul>
      {isTerminal && (
        <p class="hint">
          Alerts are printed to Tracer's terminal. Set <code>SLACK_WEBHOOK_URL</code> to have them
          in Slack.
        </p>
      )}
    </>
  );
}
