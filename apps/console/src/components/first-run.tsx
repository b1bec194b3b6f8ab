import { useRef } from "preact/hooks";
import type { Channel } from "../api/shapes.ts";
import { count } from "../format.ts";
import { Badge } from "./badge.tsx";
import { SampleIncident } from "./sample-incident.tsx";
import { Snippets } from "./snippets.tsx";

/** With fewer records than this somebody is still trying Tracer out. */
const NEWCOMER_RECORDS_MAX = 100;

interface FirstRunProps {
  /** Null while it is not known. */
  readonly recordsTotal: number | null;
  readonly channels: readonly Channel[] | null;
  readonly hadIncident: boolean;
}

/** From zero to the first incident, in three steps. Nothing once Tracer is in use. */
export function FirstRun({ recordsTotal, channels, hadIncident }: FirstRunProps) {
  // It stays for whoever saw it: the step that was just done is not to vanish under the hand.
  const isNewcomer = useRef<boolean | null>(null);
  if (isNewcomer.current === null && recordsTotal !== null) {
    isNewcomer.current = recordsTotal < NEWCOMER_RECORDS_MAX;
  }
  if (isNewcomer.current !== true || recordsTotal === null) return null;
  const hasChannel = channels?.some(({ kind }) => kind !== "console") ?? false;
  return (
    <section class="first panel" aria-labelledby="first-title">
      <div class={recordsTotal > 0 ? "big some" : "big"}>
        <p class="number" id="big-count">
          {count(recordsTotal)}
        </p>
        <h2 id="first-title">{recordsTotal === 1 ? "record received" : "records received"}</h2>
        <p class="hint">
          {recordsTotal === 0
            ? "Waiting for the first one. The number moves within a second."
            : "It arrived. Now point your log shipper at the same address."}
        </p>
      </div>
      <ol class="steps">
        <Step isDone={recordsTotal > 0} title="Send a record">
          <Snippets />
        </Step>
        <Step isDone={hasChannel} title="Say who is to be told">
          <p class="hint">
            Start Tracer with <code>SLACK_WEBHOOK_URL</code>, <code>PAGERDUTY_ROUTING_KEY</code> or
            another channel of <code>.env.example</code>. Until then alerts are printed to its
            terminal.
          </p>
        </Step>
        <Step isDone={hadIncident} title="See an incident">
          <SampleIncident />
        </Step>
      </ol>
    </section>
  );
}

function Step({
  isDone,
  title,
  children,
}: {
  readonly isDone: boolean;
  readonly title: string;
  readonly children: preact.ComponentChildren;
}) {
  return (
    <li class={isDone ? "step done" : "step"}>
      <h3>
        {title}{" "}
        {isDone && (
          <Badge shape="check" tone="good">
            done
          </Badge>
        )}
      </h3>
      {children}
    </li>
  );
}
