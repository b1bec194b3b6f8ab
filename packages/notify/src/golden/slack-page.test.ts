import { expect, test } from "vitest";
import { renderCard } from "../slack/render.ts";
import { slackPage } from "./slack-page.test-helper.ts";
import { typicalIncidents } from "./typical.test-helper.ts";

function pageOf(text: string): string {
  const content = {
    text,
    blocks: [{ type: "section", text: { type: "mrkdwn", verbatim: true, text } }],
  } as const;
  return slackPage([{ title: "t", content, isEdited: false, replies: [], time: "2:02 PM" }]);
}

test("the page shows what Slack makes of its markup, and of nothing else", () => {
  const page = pageOf(
    "*bold* `<*> &lt;b&gt;` <!date^0^{time_secs}|x> <https://a.example|here> &lt;!channel&gt;\nnext",
  );
  expect(page).toContain("<b>bold</b> <code>&lt;*&gt; &lt;b&gt;</code> 12:00:00 AM");
  expect(page).toContain('<a href="https://a.example">here</a> &lt;!channel&gt;<br>next');
  expect(pageOf("<!channel>")).toContain("<mark>!channel</mark>"); // It would call everybody: not to be overlooked.
  expect(pageOf('<script>alert(1)</script> "x"')).not.toContain("<script");
});

test("the page needs nothing from anywhere, and calls nobody", () => {
  const messages = typicalIncidents().map(({ name, task }) => ({
    ...{
      title: name,
      content: renderCard(task),
      isEdited: true,
      replies: [renderCard(task)],
      time: "",
    },
  }));
  const page = slackPage(messages);
  expect(page).not.toMatch(/<script|<link|<img|@import|url\(|<mark>/);
  expect(page.match(/<article>/g)).toHaveLength(10);
  expect(page).toContain("payment gateway timeout after 3000 ms for order 8813 user=‹email›");
});
