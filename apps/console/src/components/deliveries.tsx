import type { Delivery } from "../api/shapes.ts";
import { plain } from "../format.ts";
import { State } from "./badge.tsx";
import { ACTION_WORDS } from "./incident-words.ts";
import { Ago, Clock, Plain } from "./text.tsx";

/** Who was told, by channel: each message, how often it was tried, and what the provider said. */
export function Deliveries({ deliveries }: { readonly deliveries: readonly Delivery[] }) {
  const channels = [...Map.groupBy(deliveries, ({ channel }) => channel)];
  return (
    <section aria-labelledby="deliveries-title">
      <h2 id="deliveries-title">Who was told</h2>
      {channels.length === 0 && (
        <p class="hint">Nobody: a silence held it back, or no channel was to be told.</p>
      )}
      {channels.map(([channel, ofChannel]) => (
        <div key={channel} class="panel deliveries">
          <h3>
            <Plain text={channel} max={100} />
          </h3>
          <ul>
            {ofChannel.map((delivery) => (
              <li key={delivery.id}>
                <Message delivery={delivery} />
              </li>
            ))}
          </ul>
        </div>
      ))}
    </section>
  );
}

function Message({ delivery }: { readonly delivery: Delivery }) {
  const { action, state, attempts, sentAt, lastError, tries = [] } = delivery;
  return (
    <>
      <p>
        <State of="delivery" state={state} /> {ACTION_WORDS[action] ?? plain(action, 20)}
        <span class="where">
          {attempts > 1 && ` · ${attempts} attempts`}
          {sentAt !== null && (
            <>
              {" · "}
              <Ago at={sentAt} />
            </>
          )}
        </span>
      </p>
      {tries.length > 1 || (tries.length === 1 && state !== "sent") ? (
        <ol class="tries">
          {tries.map(({ startedAt, outcome, reason }) => (
            <li key={startedAt}>
              <Clock at={startedAt} seconds />{" "}
              {outcome === null ? "no answer yet" : plain(outcome, 20)}
              {reason !== null && (
                <>
                  : <Plain text={reason} max={300} />
                </>
              )}
            </li>
          ))}
        </ol>
      ) : (
        state !== "sent" &&
        lastError !== null && (
          <p class="failure">
            <Plain text={lastError} max={300} />
          </p>
        )
      )}
    </>
  );
}
