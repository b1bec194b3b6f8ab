import { useState } from "preact/hooks";
import { reasonOf } from "../api/client.ts";
import type { Incident } from "../api/shapes.ts";
import { useApp } from "../state/app.ts";
import { SilenceForm } from "./silence-form.tsx";
import { Plain } from "./text.tsx";

/** What can be done about an incident; `compact` in a list. */
export function Acts({
  incident,
  onDone,
  compact = false,
}: {
  readonly incident: Incident;
  readonly onDone: () => void;
  readonly compact?: boolean;
}) {
  const app = useApp();
  const [busy, setBusy] = useState("");
  const [said, setSaid] = useState<{ text: string; isFailure: boolean } | null>(null);
  const [isSilencing, setSilencing] = useState(false);
  const path = `api/v1/incidents/${encodeURIComponent(incident.id)}`;
  const act = async (name: string, call: () => Promise<string>) => {
    setBusy(name);
    setSaid(null);
    try {
      const text = await call();
      setSaid(text === "" ? null : { text, isFailure: false });
      onDone();
    } catch (error) {
      if (!app.refused(error)) setSaid({ text: reasonOf(error), isFailure: true });
    }
    setBusy("");
  };
  const acknowledge = () =>
    act("a", async () => {
      await app.api.send("POST", `${path}/ack`, {});
      return "";
    });
  const accept = () =>
    act("n", async () => {
      const { accepted } = await app.api.send<{ accepted: boolean }>("POST", `${path}/ack`, {
        accept: true,
      });
      return accepted
        ? "Taken as the new normal: more of the same will not alert."
        : "Noted. This processor does not see the signal any more, so nothing was learned.";
    });
  const resolve = () =>
    act("r", async () => {
      await app.api.send("POST", `${path}/resolve`, {});
      return "";
    });
  const isAcked = incident.ackedAt !== null;
  if (incident.state !== "open") return null;
  return (
    <div class={compact ? "acts compact" : "acts"} data-acts={compact ? undefined : ""}>
      <div class="act-row">
        <button
          type="button"
          data-key="a"
          class={isAcked || compact ? "quiet" : ""}
          disabled={isAcked || busy !== ""}
          onClick={acknowledge}
        >
          {isAcked ? "Acknowledged" : "Acknowledge"}
        </button>
        <button
          type="button"
          data-key="s"
          class="quiet"
          aria-expanded={isSilencing}
          onClick={() => setSilencing(!isSilencing)}
        >
          Silence…
        </button>
        <button type="button" data-key="r" class="quiet" disabled={busy !== ""} onClick={resolve}>
          Resolve
        </button>
      </div>
      {!compact && (
        <button
          type="button"
          class="quiet not-useful"
          disabled={busy !== ""}
          title="Takes what is seen now as the new normal"
          onClick={accept}
        >
          Not useful: this is normal
        </button>
      )}
      {said !== null && (
        <p class={said.isFailure ? "failure" : "said"} role={said.isFailure ? "alert" : undefined}>
          <Plain text={said.text} max={300} />
        </p>
      )}
      {isSilencing && (
        <SilenceForm
          initial={{ service: incident.service, kind: incident.kind }}
          onMade={() => {
            setSilencing(false);
            setSaid({ text: "Silenced. It stays on the page; nobody is told.", isFailure: false });
            onDone();
          }}
          onCancel={() => setSilencing(false)}
        />
      )}
    </div>
  );
}
