import { passTime } from "@tracer/testkit";
import { fingerprintOfService } from "../keys.ts";
import type { Row, RowContext } from "../row.ts";
import { clearAndWait, servicesOf, sightAndWait, signalOf } from "../signals.ts";
import type { WorkerProcess } from "../worker-process.ts";

/** Less than the quiet period, so that the fault is never thought over. */
const STEADY_STEP_SECONDS = 240;
const STEADY_HOURS = 24;
const STEADY_HOURS_OF_SLICE = 9;
const FLAP_SECONDS = 10;
const FLAPS_A_MINUTE = 6;
const FLAPS = 360;
const FLAPS_OF_SLICE = 40;
const MESSAGES_OF_FLAPPING_MAX = 6;
/** As in the product: a flap is shorter than what ends an incident. */
const CLEAR_SECONDS = 30;

/** A fault that goes on for a day. All keys live through the same day. */
export const steadyFault: Row = {
  name: "steady-fault",
  text: "a steady fault for 24 h, time moved; one message and a reminder each repeat interval",
  fullSize: 5,
  sliceSize: 2,
  unit: "faults",
  fullMinutes: 2,
  movesTime: true,
  run: async (context) => {
    const worker = await context.spawn();
    const services = servicesOf("steady", 0, Math.ceil(context.size));
    const hours = context.isSlice ? STEADY_HOURS_OF_SLICE : STEADY_HOURS;
    const steps = (hours * 3_600) / STEADY_STEP_SECONDS;
    const problems: string[] = [];
    let step = 0;
    for (; step < steps && context.goOn(0); step += 1) {
      const onsetAgeMs = (step * STEADY_STEP_SECONDS + 40) * 1e3;
      const signals = services.map((service) => signalOf(service, { onsetAgeMs }));
      if (!(await sightAndWait(context, worker, signals))) problems.push(`${step}: no answer`);
      await context.drained();
      await passTime(context.pool, STEADY_STEP_SECONDS);
      context.progress((context.size * (step + 1)) / steps);
    }
    const due = Math.floor((step * STEADY_STEP_SECONDS) / context.times.repeatSeconds);
    const messages = services.map((service) => messagesOf(context, service));
    for (const [index, { post, reply, trigger }] of messages.entries()) {
      // The last is due at the very end, or not any more.
      const told = `${post} and ${reply} reminders on Slack, ${trigger} on PagerDuty`;
      const isRight =
        post === 1 && (reply === due || reply === Math.max(0, due - 1)) && trigger === post + reply;
      if (!isRight) problems.push(`${services[index]}: ${told}; ${due} reminders were due`);
    }
    const figures = { reminders: messages.reduce((sum, { reply }) => sum + reply, 0) };
    const done = (context.size * step) / steps;
    return { done, figures, problems, epochsOf: () => 1 };
  },
};

/** A fault that comes and goes each ten seconds for an hour, or that comes each minute. */
export const flapping: Row = {
  name: "flapping",
  text:
    "a fault that comes and goes each 10 s for 1 h, others that come for 5 s in each minute and end in between, time " +
    "moved; at most 6 messages, never silent while it is on",
  fullSize: 5,
  sliceSize: 2,
  unit: "faults",
  fullMinutes: 2,
  times: { clearSeconds: CLEAR_SECONDS, holdSeconds: 8 },
  movesTime: true,
  run: async (context) => {
    const worker = await context.spawn();
    const services = servicesOf("flap", 0, Math.ceil(context.size));
    const flaps = context.isSlice ? FLAPS_OF_SLICE : FLAPS;
    const problems: string[] = [];
    let flap = 0;
    for (; flap < flaps && context.goOn(0); flap += 1) {
      const on = services.filter((_, index) => index % 2 === 0 || flap % FLAPS_A_MINUTE === 0);
      problems.push(...(await flapOnce(context, worker, on)));
      context.progress((context.size * (flap + 1)) / flaps);
    }
    let most = 0;
    for (const service of services) {
      const { post, reply, trigger, resolve } = messagesOf(context, service);
      const told = Math.max(post + reply + resolve, trigger + resolve);
      most = Math.max(most, told);
      if (told > MESSAGES_OF_FLAPPING_MAX) problems.push(`${service}: ${told} messages`);
    }
    const done = (context.size * flap) / flaps;
    return { done, figures: { "most messages": most }, problems };
  },
};

async function flapOnce(
  context: RowContext,
  worker: WorkerProcess,
  services: readonly string[],
): Promise<string[]> {
  const { pool, drained } = context;
  const signals = services.map((service) => signalOf(service, { onsetAgeMs: 0 }));
  const problems = (await sightAndWait(context, worker, signals)) ? [] : ["no answer"];
  await drained();
  const { rows } = await pool.query<{ open: number }>(
    "select count(*)::int as open from incidents where state = 'open' and fingerprint = any($1)",
    [services.map(fingerprintOfService)],
  );
  if (rows[0]?.open !== services.length) problems.push(`${rows[0]?.open} are open while it is on`);
  const silent = services.flatMap((service) => silentOn(context, service));
  if (silent.length > 0) problems.push(`silent while it is on: ${silent.join(", ")}`);
  await passTime(pool, FLAP_SECONDS / 2);
  await clearAndWait(context, worker, services);
  await passTime(pool, FLAP_SECONDS / 2);
  return problems;
}

/** Channels whose last message does not say that the fault is on. */
function silentOn({ sink }: RowContext, service: string): string[] {
  const prefix = `inc_${fingerprintOfService(service)}-`;
  return sink.channels
    .map(({ name }) => name)
    .filter((name) => {
      const last = sink.effects.findLast(
        ({ channel, incidentId }) => channel === name && incidentId.startsWith(prefix),
      );
      return last?.state !== "open";
    });
}

/** Messages about a fingerprint, by what they are; edits that only keep a message up to date are none. */
function messagesOf({ sink }: RowContext, service: string) {
  const about = sink.effects.filter(({ incidentId }) =>
    incidentId.startsWith(`inc_${fingerprintOfService(service)}-`),
  );
  const count = (action: string) => about.filter((effect) => effect.action === action).length;
  return {
    post: count("post"),
    reply: count("reply"),
    trigger: count("trigger"),
    resolve: count("resolve"),
  };
}
