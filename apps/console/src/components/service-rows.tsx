import { formatNumber } from "@tracer/core/text";
import type { Service } from "../api/shapes.ts";
import { plain } from "../format.ts";
import { State } from "./badge.tsx";
import { Sparkline } from "./chart.tsx";
import { Rows } from "./rows.tsx";
import { Ago, Link, Plain } from "./text.tsx";

export function serviceKey({ project, environment, service }: Service): string {
  return JSON.stringify([project, environment, service]);
}

export function servicePath({ service, environment }: Pick<Service, "service" | "environment">) {
  const query = new URLSearchParams({
    name: service,
    ...(environment === "" ? {} : { environment }),
  });
  return `service?${query}`;
}

/** Services as rows: state in words, what it gets now, and the last half hour with its band. */
export function ServiceRows({
  services,
  label,
}: {
  readonly services: readonly Service[];
  readonly label: string;
}) {
  return (
    <Rows
      items={services}
      keyOf={serviceKey}
      label={label}
      wideRem={3.25}
      narrowRem={6}
      render={(service) => <ServiceRow item={service} />}
    />
  );
}

function ServiceRow({ item }: { readonly item: Service }) {
  const { service, environment, project, state, lastSeenAt } = item;
  const place = [project === "default" ? "" : project, environment].filter((name) => name !== "");
  const isHot = state === "firing" || state === "watch";
  return (
    <>
      <span class="row-main">
        <Link to={servicePath(item)} data-row="" title={plain(service)}>
          <Plain text={service} />
        </Link>
        {place.length > 0 && <span class="where">{plain(place.join(" / "))}</span>}
      </span>
      <span class="row-state">
        <State of="service" state={state} />
        {state === "silent" && lastSeenAt !== null && (
          <span class="where">
            last record <Ago at={lastSeenAt} />
          </span>
        )}
      </span>
      <span class="row-number">
        <b>{formatNumber(item.recordsPerMinute)}</b> <span class="unit">records/min</span>
      </span>
      <span class={isHot && item.errorsPerMinute > 0 ? "row-number hot" : "row-number"}>
        <b>{formatNumber(item.errorsPerMinute)}</b> <span class="unit">errors/min</span>
      </span>
      <span class="row-chart">
        <Sparkline
          values={item.sparkline}
          title="Last half hour, records a minute"
          low={item.expectedLow ?? null}
          high={item.expectedHigh ?? null}
        />
      </span>
    </>
  );
}
