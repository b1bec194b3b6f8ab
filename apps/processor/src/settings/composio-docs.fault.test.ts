import { readFileSync } from "node:fs";
import type { Channel } from "@tracer/notify";
import {
  aDeliveryTask,
  aDigestTask,
  createSlackWorkspace,
  type FakeComposio,
  startFakeComposio,
} from "@tracer/testkit";
import { expect, test } from "vitest";
import { makeChannel } from "../channels.ts";
import { channelSpecsOf } from "./channel-specs.ts";
import { parseSettings } from "./read.ts";

const PAGE = readFileSync(new URL("../../../../docs/composio.md", import.meta.url), "utf8");
const EXAMPLES = [...PAGE.matchAll(/^```yaml\n(?<yaml>.*?)^```$/gmsu)].map(
  ({ groups }) => groups?.["yaml"] ?? "",
);
const { signal } = new AbortController();
const TOOLKITS = ["jira", "gmail", "discordbot", "microsoft_teams"];

/** The channel of an example, over the real client and the fake. */
function channelOf(yaml: string, composio: FakeComposio): Channel {
  const { settings, problems } = parseSettings(yaml);
  if (settings === null) throw new Error(problems.join("; "));
  const read = channelSpecsOf(settings, {
    environment: { COMPOSIO_API_KEY: composio.apiKey },
    defaults: {
      slackApiUrl: "",
      composioBaseUrl: composio.url,
      composioToolkits: ["slackbot"],
      composioVia: "tool",
      composioSlugs: {},
      pagerdutyEventsUrl: "",
    },
  });
  const [spec] = read.specs;
  if (spec === undefined || read.problems.length > 0) throw new Error(read.problems.join("; "));
  return makeChannel(spec, { print: async () => {}, color: false });
}

/** What an incident of which every text is hostile and long makes, from its opening to its end. */
async function wholeLife(channel: Channel) {
  const line = '<!channel> @here "}]} {{title}} <b>x</b> http://evil.example `*_~| '.repeat(40);
  const hostile = { incident: { service: line, title: line, exemplars: [line, line, line] } };
  const opened = await channel.send(aDeliveryTask("open", hostile), signal);
  const receipt = opened.kind === "sent" ? opened.receipt : null;
  const verdicts = [opened.kind];
  for (const [at, action] of (["edit", "escalate", "repeat", "resolve"] as const).entries()) {
    const task = aDeliveryTask(action, { ...hostile, seq: at + 2, receipt });
    verdicts.push((await channel.send(task, signal)).kind);
  }
  verdicts.push((await channel.sendDigest(aDigestTask(60), signal)).kind);
  return verdicts;
}

test("every example of the manual is of a toolkit of its own", () => {
  expect(EXAMPLES).toHaveLength(TOOLKITS.length);
});

test.each(TOOLKITS.map((toolkit, at) => [toolkit, at] as const))(
  "the manual's example for %s tells an incident from its beginning to its end",
  async (toolkit, at) => {
    await using composio = await startFakeComposio({
      slack: createSlackWorkspace(),
      connected: [toolkit],
    });
    const channel = channelOf(EXAMPLES[at] ?? "", composio);
    expect(await wholeLife(channel)).toEqual(Array(6).fill("sent"));
    const made = composio.made.map(({ slug, arguments: args }) => ({ slug, args }));
    expect(made).toHaveLength(5);
    const text = JSON.stringify(made);
    // What a person wrote is there, and nothing of a log is a mention, a link, markup or a template.
    expect(text).toContain("http://127.0.0.1:4318/incidents/sample");
    expect(text.replaceAll("http://127.0.0.1:4318", "")).not.toMatch(
      /http:\/\/|@here|<!channel>|\{\{/u,
    );
    expect(text).not.toMatch(/undefined|NaN|Infinity|\[object/u);
    const findings = (await channel.check?.(signal)) ?? [];
    expect(findings.map(({ state }) => state)).toEqual(findings.map(() => "ok"));
    expect(findings.length).toBeGreaterThanOrEqual(3);
  },
);
