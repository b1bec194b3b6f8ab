import { setTimeout as pause } from "node:timers/promises";
import type { RecordedRequest } from "@tracer/testkit";
import { fingerprintOfService } from "../keys.ts";
import type { Row, RowContext } from "../row.ts";
import { fingerprintIn } from "./provider-faults.ts";

const SHARDS = 2;
/** In a round: one that Slack refuses for good, one whose stored JSON is no incident. */
const POISONED = 2;
const ROUND = 1_000;
const SLICE_ROUND = 20;
const BATCH_MS = 400;
/** A thousand messages on a busy machine; what waited behind the poison would wait for a minute and more. */
const TOLD_MS_MAX = 120_000;
const SENDERS = 2;

/** A row that cannot be sent and one that cannot even be read hold nothing else up, and are kept and shown. */
export const poison: Row = {
  name: "poison",
  text:
    "poison among 1,000 ×10: rows that Slack refuses for good, and rows whose stored JSON cannot be rendered; all " +
    "others are told, the poison becomes a dead letter or stays, and is told once it is mended",
  fullSize: 10_000,
  sliceSize: SLICE_ROUND,
  unit: "keys",
  fullMinutes: 12,
  sink: { slackChannels: SHARDS },
  times: { quietSeconds: 86_400 }, // Nothing ends meanwhile, however long the machine takes.
  run: async (context) => {
    const { spawn, goOn, progress, isSlice, sink } = context;
    const refused = new Set<string>();
    const route = "chat.postMessage";
    const match = (request: RecordedRequest) => refused.has(fingerprintIn(request));
    sink.slack.fail({
      ...{ route, match, when: "before", times: Number.POSITIVE_INFINITY },
      ...{ status: 200, body: { ok: false, error: "msg_too_long" } },
    });
    const sighter = await spawn({ shards: SHARDS, dispatches: false });
    const round = isSlice ? SLICE_ROUND : ROUND;
    const problems: string[] = [];
    let poisoned = 0;
    let done = 0;
    const startSenders = () =>
      Promise.all(Array.from({ length: isSlice ? 1 : SENDERS }, () => spawn({ shards: SHARDS })));
    const senders = await startSenders();
    while (goOn(done)) {
      const services = Array.from({ length: round }, (_, index) => `poison-${done + index}`);
      const [first = "", second = ""] = services.map(fingerprintOfService);
      refused.add(first);
      // Nobody sends while the row is spoiled, as if it had been written so.
      for (const sender of senders) sender.signal("SIGSTOP");
      const signals = services.map(
        (service) => ({ service, onsetAgeMs: 40_000, severity: "critical" }) as const,
      );
      await sighter.tell({ do: "sight", signals, atMs: null });
      const known = () =>
        services.every((one) => context.ledger.outcomes.has(fingerprintOfService(one)));
      if (!(await context.until(known, TOLD_MS_MAX))) problems.push("not all were acknowledged");
      const spoiled = await spoil(context, second);
      for (const sender of senders) sender.signal("SIGCONT");
      const others = services.slice(POISONED).map(fingerprintOfService);
      if (!(await context.until(() => untold(context, others) === 0, TOLD_MS_MAX))) {
        problems.push(`${untold(context, others)} wait behind the poison`);
      }
      if (spoiled === 0) problems.push("nothing was spoiled");
      const dead = () => hasDeadLetter(context, first);
      if (!(await context.until(dead, TOLD_MS_MAX)))
        problems.push("the refused row is no dead letter");
      poisoned += POISONED;
      done += round;
      progress(done);
      await pause(isSlice ? 0 : BATCH_MS);
    }
    // The cause is gone, and somebody has them tried again.
    refused.clear();
    await mend(context);
    await startSenders();
    return { done, problems, figures: { poisoned }, epochsOf: () => 1 };
  },
};

/** Fingerprints of which a channel has not heard. */
function untold({ sink }: RowContext, fingerprints: readonly string[]): number {
  const told = new Set(
    sink.effects.map(({ incidentId, channel }) => `${incidentId} ${channel.slice(0, 5)}`),
  );
  const isTold = (one: string) => told.has(`inc_${one}-1 slack`) && told.has(`inc_${one}-1 pager`);
  return fingerprints.filter((one) => !isTold(one)).length;
}

/** Takes the evidence and the times out of the stored incident. */
async function spoil({ pool }: RowContext, fingerprint: string): Promise<number> {
  const { rowCount } = await pool.query(
    `update outbox set incident = jsonb_build_object('spoiled', incident)
     where fingerprint = $1 and state <> 'sent'`,
    [fingerprint],
  );
  return rowCount ?? 0;
}

async function hasDeadLetter({ pool }: RowContext, fingerprint: string): Promise<boolean> {
  const { rowCount } = await pool.query(
    "select from outbox where fingerprint = $1 and state = 'dead'",
    [fingerprint],
  );
  return rowCount === 1;
}

async function mend({ pool }: RowContext): Promise<void> {
  await pool.query("update outbox set incident = incident->'spoiled' where incident ? 'spoiled'");
  await pool.query(
    `update outbox set state = 'pending', due_at = clock_timestamp(), leased_by = null, leased_at = null,
       lease_token = lease_token + 1, give_up_at = clock_timestamp() + interval '24 h'
     where state in ('pending', 'leased', 'dead')`,
  );
}
