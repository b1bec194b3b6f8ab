import { redact } from "@tracer/core/redact";
import { useState } from "preact/hooks";
import { KeyList } from "../components/keys.tsx";
import { Plain, useTitle } from "../components/text.tsx";
import { useApp } from "../state/app.ts";
import { useResource } from "../state/resource.ts";

const SAMPLE =
  "login of ann@example.org failed: password=hunter2 from 203.0.113.7, card 4111 1111 1111 1111";

/** Keys, what is taken out of log lines, and what this device remembers. */
export function Page() {
  useTitle("Settings");
  return (
    <>
      <h1>Settings</h1>
      <KeyList />
      <Redaction />
      <Device />
      <About />
    </>
  );
}

function Redaction() {
  const [line, setLine] = useState(SAMPLE);
  return (
    <section aria-labelledby="redaction-title">
      <h2 id="redaction-title">Redaction</h2>
      <div class="panel pad stack">
        <p class="hint">
          Example lines lose their secrets before they are kept or sent. Try a line: it stays in
          this browser. Rules of <code>TRACER_CONFIG</code> come on top of these.
        </p>
        <label>
          <span>A line of yours</span>
          <input
            class="mono"
            value={line}
            maxLength={2_000}
            spellcheck={false}
            onInput={({ currentTarget }) => setLine(currentTarget.value)}
          />
        </label>
        <p class="lines pad" id="redacted">
          <code>
            <Plain text={redact(line)} max={2_000} />
          </code>
        </p>
      </div>
    </section>
  );
}

function Device() {
  const { keyboard } = useApp().preferences;
  return (
    <section aria-labelledby="device-title">
      <h2 id="device-title">This device</h2>
      <div class="panel pad stack">
        <label class="check">
          <input
            type="checkbox"
            checked={keyboard.value}
            onChange={({ currentTarget }) => {
              keyboard.value = currentTarget.checked;
            }}
          />
          Single keys act on incidents (<kbd>?</kbd> lists them)
        </label>
        <SignOut />
      </div>
    </section>
  );
}

/** Only where a key was needed to get in. */
function SignOut() {
  const app = useApp();
  if (!app.needsKey.value) return null;
  const leave = async () => {
    await app.api.send("POST", "logout", {}).catch(() => null);
    location.assign(app.root);
  };
  return (
    <div>
      <button type="button" class="quiet" onClick={leave}>
        Sign out
      </button>
    </div>
  );
}

function About() {
  const { api, href } = useApp();
  const { data } = useResource("version", () => api.get<{ version: string }>("version"), {
    pollMs: 60_000,
  });
  return (
    <section aria-labelledby="about-title">
      <h2 id="about-title">About</h2>
      <p class="hint">
        Tracer {data?.version ?? ""} · <a href={href("healthz")}>health</a> ·{" "}
        <a href={href("readyz")}>readiness</a> · <a href={href("metrics")}>metrics</a> ·{" "}
        <a href={href("docs")}>API</a>
      </p>
    </section>
  );
}
