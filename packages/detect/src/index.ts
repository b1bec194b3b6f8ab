export { Detector } from "./detector.ts";
export type { Explanation, ExplanationState } from "./explanation.ts";
export { IDLE_SECONDS } from "./idle.ts";
export { MetricBook } from "./metric/metric-book.ts";
export { MetricDetector, surpriseOf } from "./metric/metric-detector.ts";
export type { MetricBand } from "./metric/metric-explanation.ts";
export type { Reason } from "./open-signal.ts";
export { type DetectorOptions, RULES, type Rule } from "./options.ts";
export { PIPELINE_SLOT, type PipelineState } from "./pipeline-signal.ts";
export type { BucketView, SeriesState } from "./series-view.ts";
export {
  TemplateBook,
  type TemplateBookOptions,
  type TemplateState,
} from "./template/template-book.ts";
export type { Transition } from "./transition.ts";
