import { useRef, useState } from "preact/hooks";
import { useApp } from "../state/app.ts";
import { SHIPPERS } from "./shippers.ts";

/** What to paste to send records here, by shipper. */
export function Snippets({ all = false }: { readonly all?: boolean }) {
  const { root, needsKey } = useApp();
  const [name, setName] = useState("curl");
  const [copied, setCopied] = useState("Copy");
  const code = useRef<HTMLElement>(null);
  const shipper = SHIPPERS.find((each) => each.name === name) ?? SHIPPERS[0];
  const base = location.origin + root.replace(/\/$/, "");
  const text = shipper.text({ base, key: needsKey.value ? "$TRACER_INGEST_KEY" : null });
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied("Copied");
    } catch {
      // No clipboard on a plain http address: select it, so that the keyboard's own copy works.
      if (code.current !== null) getSelection()?.selectAllChildren(code.current);
      setCopied("Selected");
    }
    setTimeout(() => setCopied("Copy"), COPIED_MS);
  };
  return (
    <div class="snippets">
      <label class="inline">
        <span>{all ? "Shipper" : "With"}</span>
        <select value={shipper.name} onChange={({ currentTarget }) => setName(currentTarget.value)}>
          {SHIPPERS.map((each) => (
            <option key={each.name} value={each.name}>
              {each.name}
            </option>
          ))}
        </select>
      </label>
      <div class="snippet">
        <button type="button" class="quiet" onClick={copy}>
          {copied}
        </button>
        <pre>
          <code ref={code} id="snippet">
            {text}
          </code>
        </pre>
      </div>
      {needsKey.value && (
        <p class="hint">
          <code>$TRACER_INGEST_KEY</code> stands for a key that may send; Settings makes one.
        </p>
      )}
    </div>
  );
}

const COPIED_MS = 2_000;
