import { useState } from "preact/hooks";
import { reasonOf } from "../api/client.ts";
import type { Delivery } from "../api/shapes.ts";
import { State } from "../components/badge.tsx";
import { ACTION_WORDS } from "../components/incident-words.ts";
import { Ago, Empty, Failure, Link, Plain, useTitle } from "../components/text.tsx";
import { plain } from "../format.ts";
import { useApp } from "../state/app.ts";
import { useResource } from "../state/resource.ts";

const LISTED_MAX = 200;

interface DeliveryPage {
  readonly deliveries: readonly Delivery[];
  readonly nextCursor: string | null;
}

/** Messages that no further attempt of Tracer's own would help. */
export function Page() {
  const app = useApp();
  const [failure, setFailure] = useState("");
  useTitle("Failed deliveries");
  const { data, error, reload } = useResource("dead", () =>
    app.api.get<DeliveryPage>(`api/v1/deliveries?state=dead&limit=${LISTED_MAX}`),
  );
  const retry = async (id: string) => {
    setFailure("");
    try {
      await app.api.send("POST", `api/v1/deliveries/${encodeURIComponent(id)}/retry`, {});
    } catch (caught) {
      if (!app.refused(caught)) setFailure(reasonOf(caught));
    }
    reload();
  };
  return (
    <>
      <h1>Failed deliveries</h1>
      <p class="hint">
        Those that were given up: the provider refused them, or they were tried for too long. They
        are kept, and sent only when you say so.
      </p>
      <Failure reason={error} what="Deliveries" />
      {failure !== "" && (
        <p class="failure" role="alert">
          <Plain text={failure} max={300} />
        </p>
      )}
      {data?.deliveries.length === 0 && <Empty title="Every message was delivered." />}
      {data !== null && data.deliveries.length > 0 && (
        <section aria-label="Deliveries">
          <ul class="panel entries">
            {data.deliveries.map((delivery) => (
              <li key={delivery.id}>
                <DeadEntry delivery={delivery} onRetry={() => retry(delivery.id)} />
              </li>
            ))}
          </ul>
          {data.nextCursor !== null && <p class="hint">Only the newest are shown.</p>}
        </section>
      )}
    </>
  );
}

function DeadEntry({ delivery, onRetry }: { delivery: Delivery; onRetry: () => void }) {
  const { channel, action, state, attempts, createdAt, lastError, incidentId } = delivery;
  return (
    <>
      <div class="entry-main">
        <p>
          <strong>
            <Plain text={channel} max={100} />
          </strong>{" "}
          <State of="delivery" state={state} />
        </p>
        <p class="where">
          {ACTION_WORDS[action] ?? plain(action, 20)} of{" "}
          <Link to={`i/${encodeURIComponent(incidentId)}`} data-row="">
            an incident
          </Link>
          , written <Ago at={createdAt} /> · {attempts === 1 ? "1 attempt" : `${attempts} attempts`}
        </p>
        {lastError !== null && (
          <p class="failure">
            <Plain text={lastError} max={1_000} />
          </p>
        )}
      </div>
      <button type="button" class="quiet" onClick={onRetry}>
        Try again
      </button>
    </>
  );
}
