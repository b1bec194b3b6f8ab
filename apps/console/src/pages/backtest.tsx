import type { Evidence } from "@tracer/core";
import { formatDuration, formatNumber } from "@tracer/core/text";
import { useRef, useState } from "preact/hooks";
import { State } from "../components/badge.tsx";
import { Sparkline } from "../components/chart.tsx";
import { Empty, Plain, useTitle } from "../components/text.tsx";
import { count, plain } from "../format.ts";
import { useApp } from "../state/app.ts";

const ALERTS_SHOWN_MAX = 100;

interface Alert {
  readonly kind: string;
  readonly part: string;
  readonly severity: string;
  readonly since: string;
  readonly durationSeconds: number | null;
  readonly evidence: Evidence;
}

/** What `tracer backtest --json` prints, as far as it is shown. */
interface Report {
  readonly parse: {
    readonly records: number;
    readonly rejected: number;
    readonly services: number;
    readonly from: string | null;
    readonly to: string | null;
    readonly spanSeconds: number;
  };
  readonly alerts: { readonly total: number; readonly perWeek: number | null };
  readonly services: readonly { readonly service: string; readonly alerts: readonly Alert[] }[];
}

type Run =
  | { readonly kind: "idle" }
  | { readonly kind: "reading"; readonly name: string; readonly share: number }
  | { readonly kind: "done"; readonly name: string; readonly report: Report }
  | { readonly kind: "failed"; readonly reason: string };

/** What Tracer would have told, had it been there: a file of past logs through the same detector. */
export function Page() {
  const app = useApp();
  const [run, setRun] = useState<Run>({ kind: "idle" });
  const [isOver, setOver] = useState(false);
  const request = useRef<XMLHttpRequest | null>(null);
  useTitle("Backtest");
  const start = (file: File | undefined) => {
    if (file === undefined) return;
    request.current?.abort();
    setRun({ kind: "reading", name: file.name, share: 0 });
    request.current = send(app.href("api/v1/backtest"), file, setRun);
  };
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    start(event.dataTransfer?.files[0]);
  };
  return (
    <>
      <h1>Backtest</h1>
      <p class="hint">
        Past logs, or a CSV of numbers, through the detector that runs live: what it would have
        told. Nothing of it is kept, and nobody is alerted.
      </p>
      <section
        class={isOver ? "panel drop over-it" : "panel drop"}
        aria-label="File"
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={drop}
      >
        <p>Drop a file here: any format that Tracer takes, plain, .gz or .zst, up to 100 MiB.</p>
        <label>
          <span>Or choose one</span>
          <input
            type="file"
            disabled={run.kind === "reading"}
            onChange={({ currentTarget }) => start(currentTarget.files?.[0])}
          />
        </label>
        {run.kind === "reading" && (
          <div class="stack">
            <label>
              <span>
                Reading <Plain text={run.name} max={100} />
              </span>
              <progress value={run.share} max={1} />
            </label>
            <div>
              <button type="button" class="quiet" onClick={() => request.current?.abort()}>
                Stop
              </button>
            </div>
          </div>
        )}
        {run.kind === "failed" && (
          <p class="failure" role="alert">
            <Plain text={run.reason} max={400} />
          </p>
        )}
      </section>
      {run.kind === "done" && <Result name={run.name} report={run.report} />}
    </>
  );
}

/** By XMLHttpRequest: fetch does not tell how much of a body is sent. The server reads as fast as it judges. */
function send(url: string, file: File, tell: (run: Run) => void): XMLHttpRequest {
  const request = new XMLHttpRequest();
  request.open("POST", url);
  request.setRequestHeader("content-type", "application/octet-stream");
  request.upload.addEventListener("progress", ({ loaded, total }) => {
    tell({ kind: "reading", name: file.name, share: total > 0 ? loaded / total : 0 });
  });
  request.addEventListener("error", () =>
    tell({ kind: "failed", reason: "Tracer does not answer." }),
  );
  request.addEventListener("abort", () => tell({ kind: "idle" }));
  request.addEventListener("load", () => {
    try {
      const answer = JSON.parse(request.responseText);
      if (request.status === 200) tell({ kind: "done", name: file.name, report: answer });
      else tell({ kind: "failed", reason: String(answer.message) });
    } catch {
      tell({ kind: "failed", reason: `The answer was ${request.status}.` });
    }
  });
  request.send(file);
  return request;
}

function Result({ name, report }: { readonly name: string; readonly report: Report }) {
  const { parse, alerts } = report;
  const all = report.services
    .flatMap(({ service, alerts: own }) => own.map((alert) => ({ service, alert })))
    .sort((left, right) => (left.alert.since < right.alert.since ? -1 : 1));
  const perWeek = alerts.perWeek === null ? "" : `, ${formatNumber(alerts.perWeek)} a week`;
  return (
    <section aria-labelledby="result-title">
      <h2 id="result-title">
        <Plain text={name} max={100} />: {alerts.total === 1 ? "1 alert" : `${alerts.total} alerts`}
        {perWeek}
      </h2>
      <p class="hint">
        {count(parse.records)} records of {count(parse.services)} services over{" "}
        {formatDuration(parse.spanSeconds)}
        {parse.rejected > 0 && `; ${count(parse.rejected)} could not be read`}
      </p>
      {all.length === 0 && <Empty title="It would have said nothing." />}
      {all.length > 0 && (
        <ul class="panel entries">
          {all.slice(0, ALERTS_SHOWN_MAX).map(({ service, alert }) => (
            <li key={`${service} ${alert.kind} ${alert.part} ${alert.since}`}>
              <div class="entry-main">
                <p>
                  <State of="severity" state={alert.severity} />{" "}
                  <strong>
                    <Plain text={service} />
                  </strong>{" "}
                  {plain(alert.kind, 20)}
                </p>
                <p>
                  <Plain text={alert.evidence.sentence} max={400} />
                </p>
                <p class="where">
                  {new Date(alert.since).toLocaleString()} ·{" "}
                  {alert.durationSeconds === null
                    ? "to the end of the input"
                    : `for ${formatDuration(alert.durationSeconds)}`}
                </p>
              </div>
              <div class="row-chart">
                <Sparkline
                  values={alert.evidence.sparkline}
                  title="The half hour to it"
                  low={alert.evidence.expectedLow}
                  high={alert.evidence.expectedHigh}
                />
              </div>
            </li>
          ))}
        </ul>
      )}
      {all.length > ALERTS_SHOWN_MAX && (
        <p class="hint">The first {ALERTS_SHOWN_MAX} are shown; `tracer backtest` tells all.</p>
      )}
    </section>
  );
}
