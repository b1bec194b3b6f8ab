import { useRef, useState } from "preact/hooks";
import { reasonOf } from "../api/client.ts";
import type { Key } from "../api/shapes.ts";
import { plain } from "../format.ts";
import { useApp } from "../state/app.ts";
import { useResource } from "../state/resource.ts";
import { State } from "./badge.tsx";
import { Ago, Clock, Empty, Failure, Plain } from "./text.tsx";

const SCOPES = [
  ["ingest", "send records"],
  ["read", "see"],
  ["operate", "see and act"],
  ["admin", "everything"],
] as const;
const LENGTHS = [
  ["does not expire", 0],
  ["in 30 days", 2_592_000],
  ["in 90 days", 7_776_000],
  ["in a year", 31_536_000],
] as const;

/** The keys of this project: made here, told once, ended here. */
export function KeyList() {
  const app = useApp();
  const [made, setMade] = useState<string | null>(null);
  const [failure, setFailure] = useState("");
  const { data, error, reload } = useResource("keys", async () => {
    return (await app.api.get<{ keys: Key[] }>("api/v1/keys")).keys;
  });
  const attempt = async (call: () => Promise<void>) => {
    setFailure("");
    try {
      await call();
    } catch (caught) {
      if (!app.refused(caught)) setFailure(reasonOf(caught));
    }
    reload();
  };
  const isFirst = data?.length === 0 && !app.needsKey.value;
  const make = (wanted: KeyWanted) =>
    attempt(async () => {
      const { key } = await app.api.send<{ key: string }>("POST", "api/v1/keys", wanted);
      setMade(key);
      if (!isFirst) return;
      // From the first key on everybody needs one; this page goes on with it.
      await app.api.send("POST", "login", { key });
      app.needsKey.value = true;
    });
  const revoke = (id: string) =>
    attempt(async () => {
      await app.api.send("DELETE", `api/v1/keys/${encodeURIComponent(id)}`);
    });
  return (
    <section aria-labelledby="keys-of-project">
      <h2 id="keys-of-project">Keys</h2>
      <Failure reason={error} what="Keys" />
      {made !== null && <NewKey text={made} onDone={() => setMade(null)} />}
      {failure !== "" && (
        <p class="failure" role="alert">
          <Plain text={failure} max={300} />
        </p>
      )}
      {data?.length === 0 && (
        <Empty title="No key is stored.">
          <p>
            Without any key Tracer answers only to this machine. The first one that is made is
            needed from then on.
          </p>
        </Empty>
      )}
      {data !== null && data.length > 0 && (
        <ul class="panel entries">
          {data.map((key) => (
            <li key={key.id}>
              <KeyEntry item={key} onRevoke={() => revoke(key.id)} />
            </li>
          ))}
        </ul>
      )}
      {error === null && <KeyForm isFirst={isFirst} onMake={make} />}
    </section>
  );
}

function KeyEntry({ item, onRevoke }: { readonly item: Key; readonly onRevoke: () => void }) {
  const { label, prefix, scopes, service, state, createdAt, expiresAt, lastUsedAt } = item;
  return (
    <>
      <div class="entry-main">
        <p>
          <strong>
            <Plain text={label === "" ? "without a name" : label} max={100} />
          </strong>{" "}
          <State of="key" state={state} /> <code>{plain(prefix, 16)}…</code>
        </p>
        <p class="where">
          may {scopes.map((scope) => plain(scope, 20)).join(", ")}
          {service !== null && (
            <>
              {" "}
              for <Plain text={service} />
            </>
          )}{" "}
          · made <Ago at={createdAt} />
          {expiresAt !== null && (
            <>
              {" · expires "}
              <Clock at={expiresAt} />
            </>
          )}
          {" · "}
          {lastUsedAt === null ? (
            "never used"
          ) : (
            <>
              used <Ago at={lastUsedAt} />
            </>
          )}
        </p>
      </div>
      {state === "active" && (
        <button type="button" class="quiet" onClick={onRevoke}>
          Revoke
        </button>
      )}
    </>
  );
}

function NewKey({ text, onDone }: { readonly text: string; readonly onDone: () => void }) {
  const code = useRef<HTMLElement>(null);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      if (code.current !== null) getSelection()?.selectAllChildren(code.current);
    }
  };
  return (
    <div class="panel pad stack" role="alert">
      <p>
        <strong>The new key. It is shown this once.</strong>
      </p>
      <p class="lines pad">
        <code ref={code} id="new-key">
          {text}
        </code>
      </p>
      <div class="act-row">
        <button type="button" onClick={copy}>
          Copy
        </button>
        <button type="button" class="quiet" onClick={onDone}>
          I have kept it
        </button>
      </div>
    </div>
  );
}

interface KeyWanted {
  readonly label: string;
  readonly scopes: readonly string[];
  readonly expiresInSeconds?: number;
}

function KeyForm({
  isFirst,
  onMake,
}: {
  /** Then it is one for everything: whoever could not make a second would be locked out. */
  readonly isFirst: boolean;
  readonly onMake: (wanted: KeyWanted) => Promise<void>;
}) {
  const [label, setLabel] = useState("");
  const [scope, setScope] = useState("ingest");
  const [seconds, setSeconds] = useState(0);
  const make = async (event: Event) => {
    event.preventDefault();
    const expiry = seconds === 0 ? {} : { expiresInSeconds: seconds };
    await onMake({ label: label.trim(), scopes: [isFirst ? "admin" : scope], ...expiry });
    setLabel("");
  };
  return (
    <form class="toolbar" onSubmit={make}>
      <label class="grow">
        <span>Name of a new key</span>
        <input
          required
          maxLength={100}
          value={label}
          onInput={({ currentTarget }) => setLabel(currentTarget.value)}
        />
      </label>
      <label>
        <span>It may</span>
        <select
          value={isFirst ? "admin" : scope}
          disabled={isFirst}
          onChange={({ currentTarget }) => setScope(currentTarget.value)}
        >
          {SCOPES.map(([value, name]) => (
            <option key={value} value={value}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span>It expires</span>
        <select
          value={seconds}
          onChange={({ currentTarget }) => setSeconds(Number(currentTarget.value))}
        >
          {LENGTHS.map(([name, value]) => (
            <option key={value} value={value}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <button type="submit">Make a key</button>
    </form>
  );
}
