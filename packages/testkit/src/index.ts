export {
  type FaultProxy,
  type FaultProxyMode,
  type FaultProxyOptions,
  startFaultProxy,
} from "./fault-proxy.ts";
export {
  createEmptyDatabase,
  createTestDatabase,
  passTime,
  type TestDatabase,
  type TestDatabaseOptions,
} from "./postgres.ts";
export {
  type ComposioExecution,
  type ComposioProxyCall,
  type FakeComposio,
  startFakeComposio,
} from "./receivers/composio.ts";
export {
  type FakeModel,
  type FakeModelOptions,
  type ModelReply,
  startFakeModel,
} from "./receivers/model.ts";
export {
  type FakePagerduty,
  type PagerdutyAlert,
  startFakePagerduty,
} from "./receivers/pagerduty.ts";
export type { Fault, Receiver, RecordedRequest } from "./receivers/receiver.ts";
export { aDeliveryTask, aDigestTask, SAMPLE_OPENED_MS } from "./receivers/sample-task.ts";
export { type FakeSlack, startFakeSlack } from "./receivers/slack.ts";
export { createSlackWorkspace, type SlackMessage } from "./receivers/slack-workspace.ts";
export { type FakeWebhook, startFakeWebhook } from "./receivers/webhook.ts";
export { aSighting, SIGHT_OPTIONS } from "./sightings.ts";
