import { useState } from "preact/hooks";
import { reasonOf } from "../api/client.ts";
import { useApp } from "../state/app.ts";
import { sampleRecords } from "./sample-records.ts";
import { Plain } from "./text.tsx";

const SILENCED_SECONDS = 86_400;

/** Sends an hour of made-up history whose last minutes are faulty: a real incident of a service that is none. */
export function SampleIncident() {
  const app = useApp();
  const [isBusy, setBusy] = useState(false);
  const [said, setSaid] = useState("");
  const [failure, setFailure] = useState("");
  const send = async () => {
    setBusy(true);
    setSaid("");
    setFailure("");
    const nowMs = Date.now();
    const service = `sample-${new Date(nowMs).toISOString().slice(11, 19).replaceAll(":", "")}`;
    try {
      // When the sample ends it falls silent, which is no news.
      await app.api.send("POST", "api/v1/silences", {
        matchers: { service, kind: "volume" },
        reason: "The sample falls silent when it ends",
        forSeconds: SILENCED_SECONDS,
      });
      await app.api.open("logs", {
        method: "POST",
        headers: { "content-type": "application/x-ndjson" },
        body: sampleRecords({ service, nowMs }),
      });
      setSaid(`An hour of ${service} was sent. Its incident appears within seconds.`);
    } catch (error) {
      if (!app.refused(error)) setFailure(reasonOf(error));
    }
    setBusy(false);
  };
  return (
    <>
      <p class="hint">
        An hour of a made-up service, its last minutes faulty, goes through the real detector. Your
        channels are told of it like of any other.
      </p>
      <button type="button" onClick={send} disabled={isBusy}>
        Try a sample incident
      </button>
      {said !== "" && <p class="said">{said}</p>}
      {failure !== "" && (
        <p class="failure" role="alert">
          <Plain text={failure} max={300} />
        </p>
      )}
    </>
  );
}
