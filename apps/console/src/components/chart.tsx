import { type BandPoint, type BandSeries, bandChart, bandSummary } from "@tracer/core/chart";
import { formatQuantity } from "@tracer/core/text";
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { clockText } from "../format.ts";
import { useApp } from "../state/app.ts";

const MINUTE_MS = 60_000;
const CHART_HEIGHT = 200;
const WIDTH_FIRST = 900;
const WIDTH_MIN = 240;
const WIDTH_STEP = 20;

/** The picture of a series. It is read as XML, in which nothing runs, and whose texts are escaped. */
function Picture({ series, class: name }: { series: BandSeries; class: string }) {
  const place = useRef<HTMLDivElement>(null);
  const markup = useMemo(() => bandChart(series), [series]);
  useLayoutEffect(() => {
    const source = markup.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ');
    const { documentElement } = new DOMParser().parseFromString(source, "image/svg+xml");
    place.current?.replaceChildren(document.importNode(documentElement, true));
  }, [markup]);
  return <div class={name} ref={place} />;
}

/** A chart with its summary, and the numbers as a table for whoever wants or needs them. */
export function Chart({ series: given, caption }: { series: BandSeries; caption: string }) {
  const { nowMs } = useApp();
  const figure = useRef<HTMLElement>(null);
  const width = useWidth(figure);
  const series = useMemo(() => ({ ...given, width, height: CHART_HEIGHT }), [given, width]);
  const summary = bandSummary(series);
  const cell = (value: number | null) => formatQuantity(value, series.unit);
  return (
    <figure class="chart" ref={figure}>
      <Picture series={{ ...series, title: `${series.title}. ${summary}` }} class="chart-picture" />
      <figcaption>
        {caption} {summary}
      </figcaption>
      <details class="chart-data">
        <summary>Data</summary>
        <table>
          <thead>
            <tr>
              <th scope="col">Minute</th>
              <th scope="col" class="num">
                Seen
              </th>
              <th scope="col" class="num">
                Band
              </th>
            </tr>
          </thead>
          <tbody>
            {series.points.toReversed().map(({ startMs, value, low, high }) => (
              <tr key={startMs}>
                <th scope="row">{clockText(new Date(startMs).toISOString(), nowMs.peek())}</th>
                <td class="num">{cell(value)}</td>
                <td class="num">{low === null ? "–" : `${cell(low)} to ${cell(high)}`}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </figure>
  );
}

/** How wide an element is, in steps, so that text in the picture has the size of text beside it. */
function useWidth(of: { readonly current: HTMLElement | null }): number {
  const [width, setWidth] = useState(WIDTH_FIRST);
  useLayoutEffect(() => {
    const { current } = of;
    if (current === null) return;
    const observer = new ResizeObserver(() => {
      const steps = Math.floor(current.clientWidth / WIDTH_STEP);
      setWidth(Math.max(WIDTH_MIN, steps * WIDTH_STEP));
    });
    observer.observe(current);
    return () => observer.disconnect();
  }, [of]);
  return width;
}

/** A small chart without axes, for a row of a list. */
export function Sparkline({
  values,
  title,
  low = null,
  high = null,
}: {
  readonly values: readonly (number | null)[];
  readonly title: string;
  readonly low?: number | null;
  readonly high?: number | null;
}) {
  const series = useMemo(() => {
    const points = values.map((value, index): BandPoint => {
      return { startMs: index * MINUTE_MS, value, expected: null, low, high };
    });
    const bare: BandSeries = {
      ...{ title, unit: "records_per_minute", points, stepMs: MINUTE_MS },
      ...{ width: 160, height: 32, axes: false },
    };
    return { ...bare, title: `${title}: ${bandSummary(bare)}` };
  }, [values.join(), title, low, high]);
  return <Picture series={series} class="sparkline" />;
}
