import { useState } from "preact/hooks";
import { ApiError, reasonOf } from "../api/client.ts";
import type { Channel } from "../api/shapes.ts";
import { State } from "../components/badge.tsx";
import { Ago, Empty, Failure, Plain, useTitle } from "../components/text.tsx";
import { plain } from "../format.ts";
import { useApp } from "../state/app.ts";
import { useResource } from "../state/resource.ts";

/** Where alerts go, and whether they get there. */
export function Page() {
  const { api } = useApp();
  useTitle("Channels");
  const { data, error, reload } = useResource("channels", async () => {
    return (await api.get<{ channels: Channel[] }>("api/v1/channels")).channels;
  });
  return (
    <>
      <h1>Channels</h1>
      <Failure reason={error} what="Channels" />
      {data?.length === 0 && (
        <Empty title="No channel.">
          <p>
            Start Tracer with one of <code>.env.example</code>.
          </p>
        </Empty>
      )}
      {data !== null && data.length > 0 && (
        <section aria-label="Channels">
          <ul class="panel entries">
            {data.map((channel) => (
              <li key={channel.name}>
                <ChannelEntry channel={channel} onTested={reload} />
              </li>
            ))}
          </ul>
        </section>
      )}
      <p class="hint foot">
        Channels come from the environment or from <code>TRACER_CONFIG</code>; secrets are never
        shown. What is told here is what this processor has seen since it started.
      </p>
    </>
  );
}

interface Tested {
  readonly ok: boolean;
  readonly steps: readonly {
    readonly action: string;
    readonly outcome: string;
    /** What the provider said, where it did not take it. */
    readonly reason: string | null;
    readonly tookMs: number;
  }[];
}

function testText({ ok, steps }: Tested): string {
  const said = steps.map(({ action, outcome, reason, tookMs }) => {
    const why = reason === null ? "" : `: ${reason}`;
    return `${action} ${outcome}${why} (${tookMs} ms)`;
  });
  return `${ok ? "The test was delivered" : "The test was not delivered"}: ${said.join(", ")}.`;
}

function ChannelEntry({ channel, onTested }: { channel: Channel; onTested: () => void }) {
  const app = useApp();
  const { name, kind, state, lastSuccessAt, lastError, fix } = channel;
  const [isBusy, setBusy] = useState(false);
  const [said, setSaid] = useState<{ text: string; isFailure: boolean } | null>(null);
  const test = async () => {
    setBusy(true);
    setSaid(null);
    try {
      const path = `api/v1/channels/${encodeURIComponent(name)}/test`;
      const tested = await app.api.send<Tested>("POST", path, {});
      setSaid({ text: testText(tested), isFailure: !tested.ok });
    } catch (error) {
      const isOlder = error instanceof ApiError && error.status === 404;
      const text = isOlder ? `Run: tracer send-test ${name}` : reasonOf(error);
      if (!app.refused(error)) setSaid({ text, isFailure: !isOlder });
    }
    setBusy(false);
    onTested();
  };
  return (
    <>
      <div class="entry-main">
        <p>
          <strong>
            <Plain text={name} />
          </strong>{" "}
          <State of="channel" state={state} />
          {kind !== name && <span class="where"> {plain(kind, 40)}</span>}
        </p>
        <p class="where">
          {lastSuccessAt === null ? (
            "nothing delivered yet"
          ) : (
            <>
              last delivered <Ago at={lastSuccessAt} />
            </>
          )}
        </p>
        {lastError !== null && (
          <p class="failure">
            <Plain text={lastError} max={1_000} />
            {typeof fix === "string" && (
              <>
                {" "}
                – <Plain text={fix} max={500} />
              </>
            )}
          </p>
        )}
        {said !== null && (
          <p
            class={said.isFailure ? "failure" : "said"}
            role={said.isFailure ? "alert" : undefined}
          >
            <Plain text={said.text} max={500} />
          </p>
        )}
      </div>
      <button type="button" class="quiet" onClick={test} disabled={isBusy}>
        Send a test
      </button>
    </>
  );
}
