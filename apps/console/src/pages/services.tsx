import { useEffect, useState } from "preact/hooks";
import type { Services } from "../api/shapes.ts";
import { ServiceRows } from "../components/service-rows.tsx";
import { Empty, Failure, Link, useTitle } from "../components/text.tsx";
import { count } from "../format.ts";
import { useApp } from "../state/app.ts";
import { useResource } from "../state/resource.ts";

const LISTED_MAX = 2_000;
const SEARCH_MS = 200;
const STATES = [
  ["", "any state"],
  ["firing", "firing"],
  ["watch", "watch"],
  ["silent", "silent"],
  ["ok", "ok"],
  ["learning", "learning"],
] as const;
const ORDERS = {
  surprise: "most surprising",
  name: "name",
  records: "records",
  errors: "errors",
} as const;

type Order = keyof typeof ORDERS;

/** All services: found by name, filtered by state, the most surprising first. */
export function Page() {
  const { api } = useApp();
  const [text, setText] = useState("");
  const [state, setState] = useState("");
  const [order, setOrder] = useState<Order>("surprise");
  const search = useSettled(text.trim());
  useTitle("Services");
  const { data, error } = useResource(
    `services ${search}`,
    () =>
      api.get<Services>(`api/v1/services?limit=${LISTED_MAX}&search=${encodeURIComponent(search)}`),
    { pollMs: 10_000, live: true },
  );
  const services = sorted(
    (data?.services ?? []).filter((service) => state === "" || service.state === state),
    order,
  );
  return (
    <>
      <div class="page-head">
        <h1>Services</h1>
        {data !== null && (
          <p class="hint" id="services-count">
            {countText(services.length, data.total ?? services.length)}
          </p>
        )}
      </div>
      <div class="toolbar">
        <label class="grow">
          <span>Filter by name</span>
          <input
            type="search"
            data-filter=""
            value={text}
            maxLength={300}
            onInput={({ currentTarget }) => setText(currentTarget.value)}
          />
        </label>
        <label>
          <span>State</span>
          <select value={state} onChange={({ currentTarget }) => setState(currentTarget.value)}>
            {STATES.map(([value, name]) => (
              <option key={value} value={value}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <label>
          <span>Sorted by</span>
          <select
            value={order}
            onChange={({ currentTarget }) => setOrder(orderOf(currentTarget.value))}
          >
            {Object.entries(ORDERS).map(([value, name]) => (
              <option key={value} value={value}>
                {name}
              </option>
            ))}
          </select>
        </label>
      </div>
      <Failure reason={error} what="Services" />
      {data !== null && services.length === 0 && (
        <Empty title={search === "" && state === "" ? "No service yet." : "No service matches."}>
          {search === "" && state === "" && (
            <p>
              A service appears with its first record. <Link to="send">Send logs</Link>
            </p>
          )}
        </Empty>
      )}
      {services.length > 0 && <ServiceRows services={services} label="Services" />}
    </>
  );
}

function countText(shown: number, total: number): string {
  if (shown !== total) return `${count(shown)} of ${count(total)} shown`;
  return `${count(total)} ${total === 1 ? "service" : "services"}`;
}

function orderOf(value: string): Order {
  if (value === "name" || value === "records" || value === "errors") return value;
  return "surprise";
}

/** The API's own order is by surprise. */
function sorted(services: Services["services"], order: Order): Services["services"] {
  switch (order) {
    case "surprise":
      return services;
    case "name":
      return services.toSorted((a, b) => (a.service < b.service ? -1 : 1));
    case "records":
      return services.toSorted((a, b) => b.recordsPerMinute - a.recordsPerMinute);
    case "errors":
      return services.toSorted((a, b) => b.errorsPerMinute - a.errorsPerMinute);
    default:
      return order satisfies never;
  }
}

/** A text once nobody has written in it for a moment. */
function useSettled(text: string): string {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), SEARCH_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}
