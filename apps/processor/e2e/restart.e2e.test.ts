import { readdir, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { startFakeSlack } from "@tracer/testkit";
import { describe, expect, test } from "vitest";
import { startTracerProcess, temporaryFolder } from "./tracer-process.ts";
import { pause, postLogs, seeded, traffic, until } from "./traffic.ts";

const MINUTE_MS = 60_000;
const SERVICE = "checkout";

/** Posts each second what happened in it, until it is stopped; refused and failed posts are lost. */
function feed(options: { url: () => string; perMinute: number; seed: number }) {
  const random = seeded(options.seed);
  const state = { errorShare: 0.02, stopped: false };
  const feeding = (async () => {
    let fromMs = Date.now();
    while (!state.stopped) {
      await pause(1_000);
      const toMs = Date.now();
      const { errorShare } = state;
      const { perMinute } = options;
      const body = traffic({ service: SERVICE, fromMs, toMs, perMinute, errorShare, random });
      if (body !== "\n") await postLogs(options.url(), body).catch(() => null);
      fromMs = toMs;
    }
  })();
  return {
    setErrorShare: (share: number) => {
      state.errorShare = share;
    },
    [Symbol.asyncDispose]: async () => {
      state.stopped = true;
      await feeding;
    },
  };
}

function history(perMinute: number, seed: number): string {
  const toMs = Date.now();
  const fromMs = toMs - 60 * MINUTE_MS;
  const random = seeded(seed);
  return traffic({ service: SERVICE, fromMs, toMs, perMinute, errorShare: 0.02, random });
}

/** Waits for a snapshot that was begun after now. */
async function nextSnapshot(dataDir: string): Promise<void> {
  const path = join(dataDir, "detector.snapshot");
  const changedMs = async () => (await stat(path).catch(() => null))?.mtimeMs ?? 0;
  for (let round = 0; round < 2; round += 1) {
    const before = await changedMs();
    await until("a snapshot", 15_000, async () => (await changedMs()) > before);
  }
}

// Real time passes in these, mostly waiting, so they run side by side.
describe.concurrent("kill -9 and a new start", () => {
  // Goal: what was learned survives. Method: an hour of history, a kill, a new process on the same folder; a
  // detector without a past would judge nothing for four minutes.
  test("the past survives: a spike right after the restart alerts once", async () => {
    await using folder = await temporaryFolder();
    await using slack = await startFakeSlack();
    const environment = {
      DATA_DIR: join(folder.path, "data"),
      SNAPSHOT_SECONDS: "1",
      SLACK_BOT_TOKEN: slack.token,
      SLACK_CHANNEL: "C0ALERTS",
      SLACK_API_URL: slack.apiUrl,
    };
    await using first = await startTracerProcess(environment);
    expect(await postLogs(first.url, history(200, 11))).toEqual({ status: 202, accepted: 12_000 });
    await nextSnapshot(first.dataDir);
    await first.stop("SIGKILL");

    await using second = await startTracerProcess(environment);
    expect(second.stderr()).toContain('"name":"snapshot_restored"');
    await using feeding = feed({ url: () => second.url, perMinute: 200, seed: 12 });
    feeding.setErrorShare(0.3);
    await slack.waitFor(() => slack.messages.length > 0, 75_000);
    await pause(5_000);
    expect(slack.messages).toHaveLength(1);
    expect(slack.messages[0]?.text).toContain(SERVICE);
  });

  // Goal: an incident that is open at the kill goes on: same message, no second one, and its end is told.
  test("an incident that was open goes on, and ends when the fault does", async () => {
    await using folder = await temporaryFolder();
    await using slack = await startFakeSlack();
    const environment = {
      DATA_DIR: join(folder.path, "data"),
      SNAPSHOT_SECONDS: "1",
      CLEAR_SECONDS: "1",
      SLACK_BOT_TOKEN: slack.token,
      SLACK_CHANNEL: "C0ALERTS",
      SLACK_API_URL: slack.apiUrl,
    };
    await using first = await startTracerProcess(environment);
    let { url } = first;
    await postLogs(url, history(400, 21));
    await using feeding = feed({ url: () => url, perMinute: 400, seed: 22 });
    feeding.setErrorShare(0.4);
    await slack.waitFor(() => slack.messages.length > 0, 60_000);
    await nextSnapshot(first.dataDir);
    await first.stop("SIGKILL");
    feeding.setErrorShare(0.02);

    await using second = await startTracerProcess(environment);
    url = second.url;
    expect(second.stderr()).toMatch(/"name":"snapshot_restored","services":1,"openSignals":1/);
    await until("a sighting of the same incident", 20_000, () =>
      /"name":"reserved","outcome":"(duplicate|update)"/.test(second.stderr()),
    );
    // Well before QUIET_SECONDS (5 min): only the detector itself can have said that it is over.
    await until("resolved", 100_000, () => /resolved/i.test(slack.messages[0]?.text ?? ""));
    expect(slack.messages).toHaveLength(1);
    expect(second.stderr()).not.toContain('"outcome":"created"');
  });

  // Goal: a stop in order costs no count; a snapshot that is damaged costs the past, not the start.
  test("stopped and started: every count is there; a damaged snapshot is kept aside", async () => {
    await using folder = await temporaryFolder();
    const dataDir = join(folder.path, "data");
    const environment = { DATA_DIR: dataDir, SNAPSHOT_SECONDS: "3600" };
    const counted = async (url: string) => {
      const response = await fetch(`${url}/api/v1/services/${SERVICE}/series`);
      const answer: { buckets?: { startMs: number; records: number }[] } = JSON.parse(
        await response.text(),
      );
      return new Map(answer.buckets?.map(({ startMs, records }) => [startMs, records]));
    };
    await using first = await startTracerProcess(environment);
    await postLogs(first.url, history(100, 31));
    const before = await counted(first.url);
    expect(before.size).toBeGreaterThan(55);
    expect(await first.stop("SIGTERM")).toBe(0);

    await using second = await startTracerProcess(environment);
    const after = await counted(second.url);
    for (const [startMs, records] of before) expect(after.get(startMs) ?? records).toBe(records);
    expect(after.size).toBeGreaterThan(55);
    await second.stop("SIGTERM");

    await truncate(join(dataDir, "detector.snapshot"), 5_000);
    await using third = await startTracerProcess(environment);
    expect(third.stderr()).toMatch(/"level":40.*"name":"snapshot_refused".*learns anew/);
    expect((await counted(third.url)).size).toBe(0);
    expect(await readdir(dataDir)).toContain("detector.snapshot.bad");
  });
});
