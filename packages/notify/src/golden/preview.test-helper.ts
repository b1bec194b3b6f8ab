import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { renderCard, renderReply } from "../slack/render.ts";
import { type ShownMessage, slackPage } from "./slack-page.test-helper.ts";
import { type Typical, typicalIncidents } from "./typical.test-helper.ts";

/** `node preview.test-helper.ts`: writes the page of the ten typical alerts and says where it is. */
const FOLDER = fileURLToPath(new URL("../../../../.preview", import.meta.url));

function shown({ name, task }: Typical): ShownMessage {
  const isTold =
    task.action === "escalate" || task.action === "repeat" || task.action === "resolve";
  return {
    title: name,
    content: renderCard(task),
    isEdited: task.action !== "open",
    replies: isTold && task.action !== "resolve" ? [renderReply(task)] : [],
    time: "2:02 PM",
  };
}

await mkdir(FOLDER, { recursive: true });
const path = join(FOLDER, "alerts.html");
await writeFile(path, slackPage(typicalIncidents().map(shown)));
process.stdout.write(`${path}\n`);
