import { formatDuration } from "@tracer/core/text";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { clockText, NAME_CHARACTERS_MAX, plain } from "../format.ts";
import { useApp } from "../state/app.ts";

/** Hostile text: bounded, nothing invisible, left to right in itself. */
export function Plain({ text, max = NAME_CHARACTERS_MAX }: { text: unknown; max?: number }) {
  return <bdi>{plain(text, max)}</bdi>;
}

/** How long ago an instant was, renewed as time passes. */
export function Ago({ at, after = "ago" }: { readonly at: string; readonly after?: string }) {
  const { nowMs } = useApp();
  const timestampMs = Date.parse(at);
  if (Number.isNaN(timestampMs)) return <span>at an unknown time</span>;
  const seconds = Math.max(0, (nowMs.value - timestampMs) / 1_000);
  return (
    <time dateTime={at} title={new Date(timestampMs).toLocaleString()}>
      {`${formatDuration(Math.floor(seconds))} ${after}`.trim()}
    </time>
  );
}

/** Time of day, with the date when it was not today. */
export function Clock({
  at,
  seconds = false,
}: {
  readonly at: string;
  readonly seconds?: boolean;
}) {
  const { nowMs } = useApp();
  return (
    <time dateTime={at} title={new Date(at).toLocaleString()}>
      {clockText(at, nowMs.peek(), { seconds })}
    </time>
  );
}

/** A link within the page: followed without loading it anew. */
export function Link({
  to,
  children,
  ...rest
}: {
  readonly to: string;
  readonly children: ComponentChildren;
  readonly class?: string;
  readonly "aria-current"?: "page" | undefined;
  readonly "data-row"?: string;
  readonly title?: string;
}) {
  const { href, navigate } = useApp();
  const follow = (event: MouseEvent) => {
    const isPlain = !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
    if (!isPlain || event.button !== 0) return;
    event.preventDefault();
    navigate(to);
  };
  return (
    <a href={href(to)} onClick={follow} {...rest}>
      {children}
    </a>
  );
}

/** Where a list has nothing to show: what it would hold, and what to do. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty panel">
      <p class="empty-title">{title}</p>
      {children}
    </div>
  );
}

/** What could not be read; nothing when all is well. */
export function Failure({ reason, what }: { reason: string | null; what: string }) {
  if (reason === null) return null;
  return (
    <p class="failure">
      {what} could not be read: <Plain text={reason} max={300} /> Trying again.
    </p>
  );
}

/** The document's title while a page is shown. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title === "" ? "Tracer" : `${title} · Tracer`;
  }, [title]);
}
