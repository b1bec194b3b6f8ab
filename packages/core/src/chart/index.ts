export { type BandMark, type BandPoint, type BandSeries, bandChart } from "./band-chart.ts";
export { bandSummary } from "./band-summary.ts";
