import { aDeliveryTask } from "@tracer/testkit";
import { expect, test } from "vitest";
import { EXEMPLARS_MAX } from "../facts.ts";
import { codeSpan, escapeMrkdwn } from "./escape.ts";
import {
  BLOCK_TEXT_CHARS_MAX,
  blockTextChars,
  HEADER_CHARS_MAX,
  renderCard,
  renderPlain,
  renderReply,
  SECTION_CHARS_MAX,
} from "./render.ts";

test("an open incident: what was seen, what was expected, how sure, since when, and an example", () => {
  const { text, blocks } = renderCard(aDeliveryTask());
  expect(text).toBe("CRITICAL checkout-api: error rate spike – 12.4 % vs 0.6 % expected");
  const all = JSON.stringify(blocks);
  for (const part of [
    "🚨 checkout-api: error rate spike",
    "*12.4 % vs 0.6 % expected* (20.7×)  ·  z = 9.1",
    "<!date^1795356130^{date_short_pretty} {time_secs}|2026-11-22T14:02:10Z>",
    "*Expected band*\\n0.2 % to 1.4 %",
    "*EWMA*\\n0.61 %",
    "*Rate of change*\\n3.3×",
    "*Sample*\\n1,841 records",
    "*Environment*\\nprod",
    "`▁▁·▁▃█`  last 6 min",
    "`payment gateway timeout after 3000 ms for order 8813`",
    "seen 12×",
    "http://127.0.0.1:4318/incidents/sample",
  ]) {
    expect(all).toContain(part);
  }
});

test("a resolved incident says after how long, why, and how bad it was", () => {
  const { text, blocks } = renderCard(aDeliveryTask("resolve"));
  expect(text).toBe("RESOLVED checkout-api: error rate spike – after 18 min, peak 12.4 %");
  expect(JSON.stringify(blocks)).toContain("*Resolved after 18 min* – back to normal, peak 12.4 %");
});

test("an end that is no recovery is not called one, unless a person ended it", () => {
  const evidence = { ending: "accepted_by_hand" } as const;
  const cleared = JSON.stringify(renderCard(aDeliveryTask("resolve", { evidence })));
  expect(cleared).toContain("Resolved after 18 min* – accepted by hand as the new normal, peak");
  const incident = { closeReason: "manual" } as const;
  const manual = JSON.stringify(renderCard(aDeliveryTask("resolve", { evidence, incident })));
  expect(manual).toContain("Resolved after 18 min* – resolved by hand, peak");
});

test("the peak is what the detector says it was, not what is shown now", () => {
  const incident = { kind: "volume", part: "drop" } as const;
  const evidence = {
    unit: "records_per_minute",
    observed: 40,
    peak: 7,
    sparkline: [900, 12, null],
  } as const;
  const { text } = renderCard(aDeliveryTask("resolve", { incident, evidence }));
  expect(text).toContain("lowest 7/min");
});

test("critical beside a share under the half says which share made it so, also in an escalation", () => {
  const sentence = "16 % of records are errors, 0.6 % expected (27×); 55 % in the last minute";
  const evidence = { observed: 0.16, peak: 0.55, sentence };
  const { text } = renderCard(aDeliveryTask("open", { evidence }));
  expect(text).toContain("– 16 % (up to 55 %) vs 0.6 % expected");
  expect(JSON.stringify(renderReply(aDeliveryTask("escalate", { evidence })))).toContain(sentence);
  const error = aDeliveryTask("open", { evidence, incident: { severity: "error" } });
  expect(renderCard(error).text).toContain("– 16 % vs 0.6 % expected");
});

test("replies say why they come; a possible repeat says so", () => {
  expect(JSON.stringify(renderReply(aDeliveryTask("escalate")))).toContain("Escalated to CRITICAL");
  expect(JSON.stringify(renderReply(aDeliveryTask("repeat")))).toContain("Still open after");
  expect(renderCard(aDeliveryTask(), { maybeRepeat: true }).text).toContain("(may be a repeat)");
  expect(renderPlain(aDeliveryTask(), { maybeRepeat: true }).text).toContain("(may be a repeat)");
  expect(renderCard(aDeliveryTask("test")).text).toMatch(/^TEST CRITICAL/);
});

test("nothing was expected: new, was 0", () => {
  const evidence = { expected: 0, ratio: null, z: null, ewma: null, rateOfChange: null };
  const all = JSON.stringify(renderCard(aDeliveryTask("open", { evidence })));
  expect(all).toContain("(new, was 0)");
  expect(all).toContain("*z*\\n–");
});

test("as many example lines as there is room for, and not one more", () => {
  const lines = Array.from({ length: EXEMPLARS_MAX + 1 }, (_, index) => `line ${index}`);
  const few = JSON.stringify(renderCard(aDeliveryTask("open", { incident: { exemplars: lines } })));
  expect(few).toContain(`line ${EXEMPLARS_MAX - 1}`);
  expect(few).not.toContain(`line ${EXEMPLARS_MAX}`);
});

test("the longest of everything stays within every bound", () => {
  const long = "&<>`".repeat(500);
  const task = aDeliveryTask("open", {
    link: `https://tracer.example/${"x".repeat(2_900)}`,
    incident: {
      service: long,
      environment: long,
      part: long,
      title: long,
      exemplars: [long, long, long, long, long],
    },
    evidence: { sentence: long, sparkline: Array.from({ length: 500 }, (_, index) => index) },
  });
  const { text, blocks } = renderCard(task);
  expect(blockTextChars(blocks)).toBeLessThan(BLOCK_TEXT_CHARS_MAX);
  expect(blockTextChars(blocks)).toBeGreaterThan(5_000); // It did measure something long.
  expect(text.length).toBeLessThan(4_000);
  for (const block of blocks) {
    if (block.type === "header")
      expect(block.text.text.length).toBeLessThanOrEqual(HEADER_CHARS_MAX);
    if (block.type === "section" && "text" in block) {
      expect(block.text.text.length).toBeLessThanOrEqual(SECTION_CHARS_MAX);
    }
  }
  expect(JSON.stringify(blocks).match(/\*Example lines\*(?:\\n`[^`]*`){3}"/)).not.toBeNull();
  expect(renderPlain(task).text.length).toBeLessThan(12_000);
});

test("escaping is measured after, on both sides of the bound, and never splits", () => {
  expect(escapeMrkdwn("a&b", 7)).toBe("a&amp;b");
  expect(escapeMrkdwn("a&b", 6)).toBe("a…");
  expect(escapeMrkdwn("😀😀", 4)).toBe("😀😀");
  expect(escapeMrkdwn("😀😀", 3)).toBe("😀…");
  expect(codeSpan("a`b", 20)).toBe("`aˋb`");
  expect(codeSpan("\u200b", 20)).toBe("` `");
});

test("a link that is none is left out", () => {
  for (const link of ["", "javascript:alert(1)", "not a url", `https://x/${"y".repeat(3_000)}`]) {
    expect(JSON.stringify(renderCard(aDeliveryTask("open", { link })))).not.toContain("actions");
  }
});
