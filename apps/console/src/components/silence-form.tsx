import { useEffect, useRef, useState } from "preact/hooks";
import { reasonOf } from "../api/client.ts";
import type { Incident } from "../api/shapes.ts";
import { useApp } from "../state/app.ts";
import { useResource } from "../state/resource.ts";
import { State } from "./badge.tsx";
import { Plain } from "./text.tsx";

const KINDS = ["error", "volume", "latency", "template", "metric", "pipeline"] as const;
const SEVERITIES = ["info", "warning", "error", "critical"] as const;
const LENGTHS = [
  ["1 hour", 3_600],
  ["4 hours", 14_400],
  ["1 day", 86_400],
  ["1 week", 604_800],
  ["30 days", 2_592_000],
] as const;
const PREVIEW_SHOWN_MAX = 8;

interface Fields {
  readonly service: string;
  readonly kind: string;
  readonly severity: string;
  readonly template: string;
}

/** Makes a silence, and shows while it is written which open incidents it would hold back. */
export function SilenceForm({
  initial = {},
  onMade,
  onCancel,
}: {
  readonly initial?: Partial<Fields>;
  readonly onMade: () => void;
  readonly onCancel: () => void;
}) {
  const { api, refused } = useApp();
  const [fields, setFields] = useState<Fields>({
    ...{ service: "", kind: "", severity: "", template: "" },
    ...initial,
  });
  const [seconds, setSeconds] = useState(3_600);
  const [reason, setReason] = useState("");
  const [failure, setFailure] = useState("");
  const first = useRef<HTMLInputElement>(null);
  useEffect(() => first.current?.focus(), []);
  const matchers = Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value.trim() !== ""),
  );
  const set = (name: keyof Fields) => (event: Event & { currentTarget: { value: string } }) =>
    setFields({ ...fields, [name]: event.currentTarget.value });
  const make = async (event: Event) => {
    event.preventDefault();
    setFailure("");
    try {
      await api.send("POST", "api/v1/silences", { matchers, reason, forSeconds: seconds });
      onMade();
    } catch (error) {
      if (!refused(error)) setFailure(reasonOf(error));
    }
  };
  return (
    <form class="silence-form" onSubmit={make}>
      <div class="fields">
        <label>
          <span>Reason</span>
          <input
            ref={first}
            required
            maxLength={500}
            value={reason}
            onInput={({ currentTarget }) => setReason(currentTarget.value)}
          />
        </label>
        <label>
          <span>For</span>
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
        <label>
          <span>Service</span>
          <input value={fields.service} maxLength={300} onInput={set("service")} />
        </label>
        <Choice name="Kind" value={fields.kind} values={KINDS} onChange={set("kind")} />
        <Choice
          name="Severity"
          value={fields.severity}
          values={SEVERITIES}
          onChange={set("severity")}
        />
        <label>
          <span>Message text</span>
          <input value={fields.template} maxLength={300} onInput={set("template")} />
        </label>
      </div>
      <p class="hint">
        All that are filled in must match; <code>*</code> stands for anything in service and
        message.
      </p>
      <Preview matchers={matchers} />
      {failure !== "" && (
        <p class="failure" role="alert">
          <Plain text={failure} max={300} />
        </p>
      )}
      <div class="act-row">
        <button type="submit">Silence</button>
        <button type="button" class="quiet" onClick={onCancel}>
          Cancel
        </button>
      </div>
    </form>
  );
}

function Choice({
  name,
  value,
  values,
  onChange,
}: {
  readonly name: string;
  readonly value: string;
  readonly values: readonly string[];
  readonly onChange: (event: Event & { currentTarget: HTMLSelectElement }) => void;
}) {
  return (
    <label>
      <span>{name}</span>
      <select value={value} onChange={onChange}>
        <option value="">any</option>
        {values.map((each) => (
          <option key={each} value={each}>
            {each}
          </option>
        ))}
      </select>
    </label>
  );
}

function Preview({ matchers }: { readonly matchers: Readonly<Record<string, string>> }) {
  const { api } = useApp();
  const isEmpty = Object.keys(matchers).length === 0;
  const { data, error } = useResource(JSON.stringify(matchers), async () => {
    if (isEmpty) return { incidents: [] };
    return api.send<{ incidents: Incident[] }>("POST", "api/v1/silences/preview", { matchers });
  });
  if (isEmpty) return <p class="hint">Say at least one thing that it is to match.</p>;
  if (error !== null) return <p class="failure">{error}</p>;
  if (data === null) return <p class="hint">Looking…</p>;
  const { incidents } = data;
  return (
    <div class="preview">
      <p>
        {incidents.length === 0
          ? "Matches no open incident now; it holds back those to come."
          : `Matches ${incidents.length} open ${incidents.length === 1 ? "incident" : "incidents"}:`}
      </p>
      <ul>
        {incidents.slice(0, PREVIEW_SHOWN_MAX).map(({ id, severity, title }) => (
          <li key={id}>
            <State of="severity" state={severity} /> <Plain text={title} />
          </li>
        ))}
      </ul>
    </div>
  );
}
