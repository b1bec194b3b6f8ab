import { useState } from "preact/hooks";
import { reasonOf } from "../api/client.ts";
import type { Silence } from "../api/shapes.ts";
import { State } from "../components/badge.tsx";
import { SilenceForm } from "../components/silence-form.tsx";
import { Ago, Clock, Empty, Failure, Plain, useTitle } from "../components/text.tsx";
import { plain } from "../format.ts";
import { useApp } from "../state/app.ts";
import { useResource } from "../state/resource.ts";

const LISTED_MAX = 200;

/** What is held back, until when and why. */
export function Page() {
  const app = useApp();
  const [isMaking, setMaking] = useState(false);
  const [withOver, setWithOver] = useState(false);
  const [failure, setFailure] = useState("");
  useTitle("Silences");
  const state = withOver ? "all" : "active";
  const { data, error, reload } = useResource(`silences ${state}`, async () => {
    const page = (each: string) =>
      app.api.get<{ silences: Silence[] }>(`api/v1/silences?state=${each}&limit=${LISTED_MAX}`);
    if (state === "all") return (await page("all")).silences;
    const [pending, active] = await Promise.all([page("pending"), page("active")]);
    return [...pending.silences, ...active.silences];
  });
  const expire = async (id: string) => {
    setFailure("");
    try {
      await app.api.send("DELETE", `api/v1/silences/${encodeURIComponent(id)}`);
      reload();
    } catch (caught) {
      if (!app.refused(caught)) setFailure(reasonOf(caught));
    }
  };
  return (
    <>
      <div class="page-head">
        <h1>Silences</h1>
        {!isMaking && (
          <button type="button" onClick={() => setMaking(true)}>
            Add a silence
          </button>
        )}
      </div>
      {isMaking && (
        <section aria-label="New silence">
          <SilenceForm
            onMade={() => {
              setMaking(false);
              reload();
            }}
            onCancel={() => setMaking(false)}
          />
        </section>
      )}
      <label class="check toolbar">
        <input
          type="checkbox"
          checked={withOver}
          onChange={({ currentTarget }) => setWithOver(currentTarget.checked)}
        />
        Show those that are over
      </label>
      <Failure reason={error} what="Silences" />
      {failure !== "" && (
        <p class="failure" role="alert">
          <Plain text={failure} max={300} />
        </p>
      )}
      {data?.length === 0 && (
        <Empty title="Nothing is silenced.">
          <p>
            A silence holds messages back while something is known. Incidents are still found and
            shown, and what was announced is still resolved.
          </p>
        </Empty>
      )}
      {data !== null && data.length > 0 && (
        <ul class="panel entries">
          {data.map((silence) => (
            <li key={silence.id}>
              <SilenceEntry silence={silence} onExpire={() => expire(silence.id)} />
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

function SilenceEntry({ silence, onExpire }: { silence: Silence; onExpire: () => void }) {
  const { matchers, reason, createdBy, createdAt, startsAt, endsAt, state, held } = silence;
  return (
    <>
      <div class="entry-main">
        <p>
          <State of="silence" state={state} />{" "}
          {Object.entries(matchers).map(([name, value]) => (
            <span key={name} class="matcher">
              {name} <code>{plain(value, 200)}</code>
            </span>
          ))}
        </p>
        <p>
          <Plain text={reason} max={500} />
        </p>
        <p class="where">
          {state === "pending" && (
            <>
              from <Clock at={startsAt} />{" "}
            </>
          )}
          until <Clock at={endsAt} /> · by <Plain text={createdBy} max={100} />{" "}
          <Ago at={createdAt} /> · {held === 1 ? "1 message" : `${held} messages`} held back
        </p>
      </div>
      {state !== "expired" && (
        <button type="button" class="quiet" onClick={onExpire}>
          End it now
        </button>
      )}
    </>
  );
}
