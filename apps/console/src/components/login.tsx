import { useState } from "preact/hooks";
import { reasonOf } from "../api/client.ts";
import { useApp } from "../state/app.ts";
import { Plain } from "./text.tsx";

/** Asks for a key, where one is needed. */
export function Login() {
  const app = useApp();
  const [key, setKey] = useState("");
  const [failure, setFailure] = useState(app.locked.value ?? "");
  const [isBusy, setBusy] = useState(false);
  const enter = async (event: Event) => {
    event.preventDefault();
    if (key.trim() === "" || isBusy) return;
    setBusy(true);
    try {
      await app.api.send("POST", "login", { key: key.trim() });
      app.unlock();
    } catch (error) {
      setFailure(reasonOf(error));
      setBusy(false);
    }
  };
  return (
    <form class="panel key-form" onSubmit={enter}>
      <h1>A key is needed</h1>
      <p>
        This Tracer is guarded by keys. Enter one that may read: <code>TRACER_ADMIN_KEY</code>, or
        one made under Settings or with <code>tracer keys create</code>. It is kept by this browser
        only, out of reach of scripts.
      </p>
      <label for="key">Key</label>
      <div class="key-row">
        <input
          id="key"
          type="password"
          autoComplete="current-password"
          spellcheck={false}
          maxLength={512}
          required
          value={key}
          onInput={({ currentTarget }) => setKey(currentTarget.value)}
        />
        <button type="submit" disabled={isBusy}>
          Open
        </button>
      </div>
      {failure !== "" && (
        <p class="failure" role="alert">
          <Plain text={failure} max={300} />
        </p>
      )}
    </form>
  );
}
