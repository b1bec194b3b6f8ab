import { setTimeout as pause } from "node:timers/promises";
import type { Row, RowContext } from "../row.ts";
import { servicesOf, sightAndWait, signalOf } from "../signals.ts";

/** Four sends to each of three channels are in flight at once; the other keys are for the other processors. */
const KEYS = 8;
const IN_HANDS_MAX = 12;
const IN_HANDS_MIN = 10;
const AT_ONCE = 4;
/** From the effect at the provider until its answer: the sender is stopped within it. */
const ANSWER_MS = 9_000;
const SLICE_ANSWER_MS = 4_000;
const IN_HANDS_MS_MAX = 4_000;
const SLICE_IN_HANDS_MS_MAX = 1_000;
const TRIES_MAX = 8;
const LEASES = 1.5;

/** A sender that sleeps through its lease must not settle, nor send, what another has taken over. */
export const stopped: Row = {
  name: "stopped",
  text: "SIGSTOP of a sender with at least ten deliveries in its hands for 1.5 × lease, then SIGCONT; each stale settle is refused",
  fullSize: 20,
  sliceSize: 1,
  unit: "stops",
  fullMinutes: 9,
  sink: { slackChannels: 2 },
  run: async (context) => {
    await Promise.all([context.spawn(), context.spawn()]);
    const problems: string[] = [];
    const figures = { "deliveries in hands": 0, "stale settles refused": 0 };
    let begun = 0;
    let done = 0;
    const lane = async () => {
      while (context.goOn(begun)) {
        begun += 1;
        const round = await stopOne(context, `stop-${begun}`);
        problems.push(...round.problems);
        figures["deliveries in hands"] += round.inHands;
        figures["stale settles refused"] += round.refused;
        done += 1;
        context.progress(done);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
    return { done, figures, problems, epochsOf: () => 1 };
  },
};

interface Round {
  readonly inHands: number;
  readonly refused: number;
  readonly problems: readonly string[];
}

async function stopOne(context: RowContext, name: string): Promise<Round> {
  const { times, ledger, until, pool, isSlice } = context;
  const patient = { ...times, requestMs: 10_000, sendMs: 15_000 };
  const sender = await context.spawn({ times: patient });
  const { processorId } = sender;
  let held: Held[] = [];
  for (let tries = 1; held.length < IN_HANDS_MIN; tries += 1) {
    if (tries > 1) sender.signal("SIGCONT");
    if (tries > TRIES_MAX)
      return { inHands: 0, refused: 0, problems: [`${name}: too little in hand`] };
    const services = servicesOf(`${name}-${tries}`, 0, KEYS);
    holdAnswers(context, `${name}-${tries}-`, isSlice ? SLICE_ANSWER_MS : ANSWER_MS);
    const signals = services.map((service) => signalOf(service));
    if (!(await sightAndWait(context, sender, signals))) {
      return { inHands: 0, refused: 0, problems: [`${name}: not acknowledged`] };
    }
    // The others may be quicker with some; then it is tried with other keys.
    await until(
      async () => (await heldBy(context, processorId)).length >= IN_HANDS_MAX,
      isSlice ? SLICE_IN_HANDS_MS_MAX : IN_HANDS_MS_MAX,
    );
    sender.signal("SIGSTOP"); // Now, or its answers come.
    held = await heldBy(context, processorId);
  }
  const stoppedMs = performance.now();
  const ids = held.map(({ id }) => id);
  const takenOver = async () => {
    const { rows } = await pool.query<{ left: number }>(
      `select count(*)::int as left from outbox
       where id = any($1::bigint[]) and (state = 'leased' and leased_by = $2)`,
      [ids, processorId],
    );
    return rows[0]?.left === 0;
  };
  const problems: string[] = [];
  const takeOverMs = times.leaseSeconds * 2_000 + 20_000;
  if (!(await until(takenOver, takeOverMs))) problems.push(`${name}: not all was taken over`);
  await pause(Math.max(0, stoppedMs + LEASES * times.leaseSeconds * 1e3 - performance.now()));
  sender.signal("SIGCONT");
  const refused = () =>
    (ledger.settled.get(processorId) ?? []).filter((outcome) => outcome === "fenced").length;
  await until(() => refused() >= held.length, 20_000);
  if (refused() !== held.length) {
    problems.push(`${name}: ${refused()} of ${held.length} stale settles were refused`);
  }
  return { inHands: held.length, refused: refused(), problems };
}

interface Held {
  readonly id: string;
}

/** What a processor has begun to send and not ended. */
async function heldBy({ pool }: RowContext, processorId: string): Promise<Held[]> {
  const { rows } = await pool.query<Held>(
    `select o.id::text from outbox o join delivery_attempts a on a.delivery_id = o.id
     where a.processor_id = $1 and a.ended_at is null and o.state = 'leased' and o.leased_by = $1`,
    [processorId],
  );
  return rows;
}

/** The first answers about these keys come late; what was asked for happens at once. */
function holdAnswers({ sink }: RowContext, prefix: string, delayMs: number): void {
  const match = ({ text }: { readonly text: string }) => text.includes(prefix);
  const fault = { match, when: "after", delayMs } as const;
  sink.slack.fail({ ...fault, route: "chat.postMessage", times: KEYS * 2 });
  sink.pagerduty.fail({ ...fault, route: "enqueue", times: KEYS });
}
