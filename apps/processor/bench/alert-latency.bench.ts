// From a fault to its Slack message, at ten phases of the 10-second step: ten services with a warm baseline, each
// of which begins to fail one second after the one before.
//   npx -y pnpm@12.21.0 bench:alert-latency
import { setTimeout as pause } from "node:timers/promises";
import { startFakeSlack } from "@tracer/testkit";
import { startTracerProcess } from "../e2e/tracer-process.ts";
import { postLogs, seeded, traffic } from "../e2e/traffic.ts";

const PHASES = 10;
const PER_MINUTE = 300;
const HISTORY_MS = 3_600_000;
const GIVE_UP_MS = 120_000;

await using slack = await startFakeSlack();
await using tracer = await startTracerProcess({
  SLACK_BOT_TOKEN: slack.token,
  SLACK_CHANNEL: "C0ALERTS",
  SLACK_API_URL: slack.apiUrl,
});
const random = seeded(3);
const startMs = Date.now();
const service = (phase: number) => `phase-${phase}`;
for (let phase = 0; phase < PHASES; phase += 1) {
  const past = { fromMs: startMs - HISTORY_MS, toMs: startMs };
  const shape = { service: service(phase), perMinute: PER_MINUTE, errorShare: 0.02, random };
  await postLogs(tracer.url, traffic({ ...past, ...shape }));
}
const faultMs = Array.from({ length: PHASES }, (_, phase) => startMs + 5_000 + phase * 1_000);
const alertMs: (number | null)[] = faultMs.map(() => null);
let fromMs = startMs;
while (alertMs.includes(null) && Date.now() < startMs + GIVE_UP_MS) {
  await pause(500);
  const toMs = Date.now();
  const bodies = faultMs.map((beginsMs, phase) => {
    const errorShare = toMs >= beginsMs ? 0.3 : 0.02;
    return traffic({
      service: service(phase),
      fromMs,
      toMs,
      perMinute: PER_MINUTE,
      errorShare,
      random,
    });
  });
  await postLogs(tracer.url, bodies.join(""));
  fromMs = toMs;
  for (const { text } of slack.messages) {
    const phase = Number(/phase-(\d+)/.exec(text)?.[1] ?? -1);
    if (phase >= 0) alertMs[phase] ??= Date.now();
  }
}
const seconds = alertMs.map((atMs, phase) =>
  atMs === null ? Number.NaN : (atMs - (faultMs[phase] ?? 0)) / 1e3,
);
const sorted = seconds.toSorted((left, right) => left - right);
const median = ((sorted[4] ?? Number.NaN) + (sorted[5] ?? Number.NaN)) / 2;
process.stdout.write(
  `fault to Slack message: ${seconds.map((value) => value.toFixed(1)).join(", ")} s\n` +
    `median ${median.toFixed(1)} s (aim 45), longest ${sorted.at(-1)?.toFixed(1)} s; ${slack.messages.length} messages for ${PHASES} faults\n`,
);
if (slack.messages.length !== PHASES) process.exitCode = 1;
