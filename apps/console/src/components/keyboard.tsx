import { useEffect, useRef } from "preact/hooks";
import { useApp } from "../state/app.ts";

const KEYS = [
  ["?", "this help"],
  ["/", "filter the list"],
  ["j, k", "next, previous in the list"],
  ["Enter", "open it"],
  ["a", "acknowledge the incident"],
  ["s", "silence it"],
  ["r", "resolve it"],
] as const;

/** The keys of the page, told in a dialog, and where they can be switched off. */
export function KeyboardHelp() {
  const { keyboard } = useApp().preferences;
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      if (!keyboard.value || isWriting(event.target) || dialog.current?.open === true) return;
      if (event.key === "?") dialog.current?.showModal();
      else if (!pressed(event.key)) return;
      event.preventDefault();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
  return (
    <>
      <button type="button" class="quiet" onClick={() => dialog.current?.showModal()}>
        Keyboard
      </button>
      <dialog ref={dialog} aria-labelledby="keys-title" class="panel">
        <h2 id="keys-title">Keyboard</h2>
        <dl class="keys">
          {KEYS.map(([key, what]) => (
            <div key={key}>
              <dt>
                <kbd>{key}</kbd>
              </dt>
              <dd>{what}</dd>
            </div>
          ))}
        </dl>
        <label class="check">
          <input
            type="checkbox"
            checked={keyboard.value}
            onChange={({ currentTarget }) => {
              keyboard.value = currentTarget.checked;
            }}
          />
          Single keys do this
        </label>
        <form method="dialog">
          <button type="submit">Close</button>
        </form>
      </dialog>
    </>
  );
}

function isWriting(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || target.matches("input, textarea, select"))
  );
}

/** Does what a key stands for on the page that is shown. False: nothing. */
function pressed(key: string): boolean {
  switch (key) {
    case "/":
      return focus(document.querySelector("[data-filter]"));
    case "j":
    case "k":
      return move(key === "j" ? 1 : -1);
    case "a":
    case "s":
    case "r":
      return press(key);
    default:
      return false;
  }
}

function move(by: number): boolean {
  const rows: (Element | null)[] = [...document.querySelectorAll("[data-row]")];
  const at = rows.indexOf(document.activeElement);
  const next = at < 0 ? (by > 0 ? 0 : rows.length - 1) : at + by;
  return focus(rows[next] ?? null);
}

function focus(element: Element | null): boolean {
  if (!(element instanceof HTMLElement)) return false;
  element.focus();
  element.scrollIntoView({ block: "nearest" });
  return true;
}

/** The button of this key: of the row that has the focus, else of the page. */
function press(key: string): boolean {
  const item = document.activeElement?.closest("[data-item]") ?? null;
  const button =
    item?.querySelector(`[data-key="${key}"]`) ??
    document.querySelector(`[data-acts] [data-key="${key}"]`);
  if (!(button instanceof HTMLButtonElement) || button.disabled) return false;
  button.click();
  return true;
}
