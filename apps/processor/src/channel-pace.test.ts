import { expect, test } from "vitest";
import {
  ChannelPace,
  IN_FLIGHT_PER_CHANNEL_MAX,
  PAUSE_MS_MAX,
  paceLimitsOf,
} from "./channel-pace.ts";

function world(kind: string) {
  const clock = { nowMs: 50_000 };
  return { clock, pace: new ChannelPace(paceLimitsOf(kind), () => clock.nowMs) };
}

test("in flight: up to the limit, and again when one has ended", () => {
  const { pace } = world("console");
  for (let begun = 0; begun < IN_FLIGHT_PER_CHANNEL_MAX; begun += 1) {
    expect(pace.free()).toBe(IN_FLIGHT_PER_CHANNEL_MAX - begun);
    pace.begin();
  }
  expect(pace.free()).toBe(0);
  pace.end();
  expect(pace.free()).toBe(1);
});

test("sends that begin after the channel asked for a pause leave none free, never fewer", () => {
  const { clock, pace } = world("slack");
  pace.pause(30_000);
  for (let begun = 0; begun < 3; begun += 1) {
    pace.begin();
    pace.end();
  }
  clock.nowMs += 30_000;
  expect(pace.free()).toBe(0);
  clock.nowMs += 3_000;
  expect(pace.free()).toBe(1);
});

test.each(["slack", "slack-webhook", "composio-slack", "pagerduty", "webhook"])(
  "%s: a burst, then so many a second, whatever the times at which one looks",
  (kind) => {
    const { clock, pace } = world(kind);
    const { perSecond, burst } = paceLimitsOf(kind);
    let sent = 0;
    const run = (ms: number) => {
      for (const end = clock.nowMs + ms; clock.nowMs < end; clock.nowMs += 125) {
        for (; pace.free() > 0; sent += 1) {
          pace.begin();
          pace.end();
        }
      }
    };
    run(125);
    expect(sent).toBe(burst);
    run(60_000);
    expect(sent - burst).toBeGreaterThanOrEqual(60 * perSecond - 1);
    expect(sent - burst).toBeLessThanOrEqual(60 * perSecond);
  },
);

test("a pause is kept, the longest counts, none is longer than PAUSE_MS_MAX; then one send", () => {
  const { clock, pace } = world("slack");
  pace.pause(10_000);
  pace.pause(2_000);
  clock.nowMs += 9_999;
  expect(pace.free()).toBe(0);
  clock.nowMs += 1;
  expect(pace.free()).toBe(1);
  pace.pause(PAUSE_MS_MAX * 10);
  clock.nowMs += PAUSE_MS_MAX - 1;
  expect(pace.free()).toBe(0);
  clock.nowMs += 1;
  expect(pace.free()).toBe(1);
});
