import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { postLogs, seeded, until } from "../traffic.ts";
import { violations } from "./axe.ts";
import { DESKTOP, PHONE, screenshot, startWorld, type World } from "./world.ts";

/** One browser and one Tracer for all of them, in order: what one test brings about, the next one sees. */

const MINUTE_MS = 60_000;
const HOSTILE_SERVICE = '"><img src=x onerror="window.hit=1">';
const HOSTILE_LINE = "<script>window.hit=1</script> <b onclick=alert(1)>card declined</b>";
/** Far beyond what it needs: only a machine that does much else at once comes near. */
const WAIT = { timeout: 60_000 } as const;

let world: World;

beforeAll(async () => {
  world = await startWorld();
});

afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

/** An hour of a service; the last minutes fail. */
async function sendFault(service: string, message = "card declined"): Promise<void> {
  const nowMs = Date.now();
  const random = seeded(7);
  const lines: string[] = [];
  for (let atMs = nowMs - 60 * MINUTE_MS; atMs < nowMs; atMs += MINUTE_MS / 120) {
    const isError = random() < (nowMs - atMs < 4 * MINUTE_MS ? 0.4 : 0.01);
    const record = { service, level: isError ? "error" : "info", duration_ms: 40 + random() * 20 };
    const text = isError ? message : "order placed";
    lines.push(JSON.stringify({ ...record, time: new Date(atMs).toISOString(), message: text }));
  }
  expect((await postLogs(world.url, lines.join("\n"))).status).toBe(202);
}

interface Shown {
  readonly id: string;
  readonly state: string;
  readonly service: string;
  readonly ackedAt: string | null;
}

async function incidents(): Promise<readonly Shown[]> {
  const response = await fetch(`${world.url}/api/v1/incidents`);
  const { incidents: found }: { incidents: Shown[] } = JSON.parse(await response.text());
  return found;
}

async function incidentOf(service: string): Promise<Shown> {
  const found = (await incidents()).find((incident) => incident.service === service);
  if (found === undefined) throw new Error(`no incident of ${service}`);
  return found;
}

const card = (page: Page, service: string) =>
  page.locator("article").filter({ has: page.getByRole("heading", { name: service }) });

test("first run: from zero to a moving counter, and a sample incident, without a reload", async () => {
  const page = await world.open("/");
  await page.locator("#big-count").filter({ hasText: /^0$/ }).waitFor(WAIT);
  expect(await page.locator("#link-state").textContent()).toBe("live");
  expect(await page.locator("#snippet").textContent()).toContain(`curl ${world.url}/logs`);
  await screenshot(page, "first-run");
  await postLogs(world.url, '{"service":"checkout","message":"hello"}');
  await page.locator("#big-count").filter({ hasText: /^1$/ }).waitFor(WAIT);
  await page.getByText("done").first().waitFor(WAIT);
  await page.getByRole("button", { name: "Try a sample incident" }).click();
  await page.getByRole("heading", { name: /^sample-\d+: error rate spike$/ }).waitFor(WAIT);
  await page.getByText("sent", { exact: true }).first().waitFor(WAIT);
  await screenshot(page, "first-incident");
  await page.context().close();
});

test("an incident appears by itself, and is acknowledged, silenced and resolved", async () => {
  const page = await world.open("/");
  await page.locator("#open-title").filter({ hasText: "(1)" }).waitFor(WAIT);
  await sendFault("till");
  await card(page, "till: error rate spike").waitFor(WAIT);
  const announced = page.locator("#announce").filter({ hasText: "till: error rate spike" });
  await announced.waitFor({ ...WAIT, state: "attached" });
  await card(page, "till: error rate spike").getByRole("link", { name: "till" }).click();
  await page.getByRole("heading", { level: 1, name: "till: error rate spike" }).waitFor(WAIT);
  await page.getByRole("button", { name: "Acknowledge" }).click();
  await page.getByText("acknowledged by loopback").first().waitFor(WAIT);
  expect((await incidentOf("till")).ackedAt).not.toBeNull();

  await page.getByRole("button", { name: "Silence…" }).click();
  await page.getByText("Matches 1 open incident:").waitFor(WAIT);
  await page.getByLabel("Reason").fill("we know");
  await page.getByRole("button", { name: "Silence", exact: true }).click();
  await page.getByText("Silenced.").waitFor(WAIT);
  await screenshot(page, "incident");
  await page.getByRole("button", { name: "Resolve" }).click();
  await page.getByText("resolved by hand").waitFor(WAIT);
  expect((await incidentOf("till")).state).toBe("resolved");

  await page.getByRole("link", { name: "Silences" }).click();
  const silence = page.getByRole("listitem").filter({ hasText: "we know" });
  await silence.getByRole("button", { name: "End it now" }).click();
  await silence.waitFor({ ...WAIT, state: "detached" });
  await page.context().close();
});

test("what comes from logs is text and nothing else, on every page", async () => {
  await sendFault(HOSTILE_SERVICE, HOSTILE_LINE);
  await until("the incident", 60_000, async () =>
    (await incidents()).some(({ service }) => service === HOSTILE_SERVICE),
  );
  const { id } = await incidentOf(HOSTILE_SERVICE);
  const query = new URLSearchParams({ name: HOSTILE_SERVICE });
  const page = await world.open("/");
  for (const path of ["/", `/i/${id}`, "/services", `/service?${query}`]) {
    await page.goto(`${world.url}${path}`);
    await page.getByText(HOSTILE_SERVICE).first().waitFor(WAIT);
    if (path.startsWith("/i/")) await page.getByText("<script>window.hit=1").first().waitFor(WAIT);
    expect(await page.locator("img, script:not([src])").count(), path).toBe(0);
    expect(await page.evaluate("window.hit"), path).toBeUndefined();
  }
  await page.context().close();
  expect(world.complaints).toEqual([]);
});

test("by keyboard alone: find, walk, open, acknowledge, and switch it off", async () => {
  await sendFault("kiosk");
  const page = await world.open("/");
  await card(page, "kiosk: error rate spike").waitFor(WAIT);
  await page.keyboard.press("Tab");
  expect(await page.evaluate("document.activeElement.textContent")).toBe("Skip to the content");
  await page.keyboard.press("?");
  await page.getByRole("dialog").waitFor(WAIT);
  await screenshot(page, "keyboard");
  await page.keyboard.press("Escape");
  for (let step = 0; step < 20; step += 1) {
    await page.keyboard.press("j");
    const text = await page.evaluate("document.activeElement.textContent");
    if (String(text).startsWith("kiosk:")) break;
  }
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "kiosk: error rate spike" }).waitFor(WAIT);
  await page.keyboard.press("a");
  await page.getByText("acknowledged by loopback").first().waitFor(WAIT);
  await page.keyboard.press("s");
  await page.getByLabel("Reason").waitFor(WAIT);

  await page.goto(`${world.url}/services`);
  await page.getByLabel("Filter by name").waitFor(WAIT);
  await page.keyboard.press("/");
  await page.keyboard.type("kio");
  await page.getByText("kiosk").first().waitFor(WAIT);
  await page.locator("#services-count").filter({ hasText: /^1 / }).waitFor(WAIT);

  await page.goto(`${world.url}/settings`);
  await page.getByLabel(/Single keys act/).uncheck();
  await page.keyboard.press("?");
  expect(await page.getByRole("dialog").count()).toBe(0);
  await page.context().close();
});

test("a phone, and a window at 200 %: nothing is wider than the screen, and the acts are at hand", async () => {
  const { id } = await incidentOf("kiosk");
  for (const [name, viewport] of [
    ["phone", PHONE],
    ["zoom", { width: DESKTOP.width / 2, height: DESKTOP.height / 2 }],
  ] as const) {
    const page = await world.open("/", { viewport });
    for (const path of pathsOf(id)) {
      await page.goto(`${world.url}${path}`);
      await settled(page);
      const [wide, window] = await widths(page);
      expect([name, path, wide]).toEqual([name, path, window]);
    }
    await page.goto(`${world.url}/i/${id}`);
    await page.getByRole("button", { name: "Resolve" }).waitFor(WAIT);
    await screenshot(page, `incident-${name}`);
    const box = await page.getByRole("button", { name: "Resolve" }).boundingBox();
    expect(box?.y ?? Number.NaN).toBeLessThan(viewport.height);
    await page.getByRole("button", { name: "Menu" }).click();
    await page.getByRole("link", { name: "Services" }).click();
    await page.getByRole("heading", { level: 1, name: "Services" }).waitFor(WAIT);
    await page.context().close();
  }
});

test("dark and light: the system's, or the one that was chosen, from the first paint on", async () => {
  const groundOf = (page: Page) =>
    page.evaluate("getComputedStyle(document.documentElement).backgroundColor");
  const light = await world.open("/", { colorScheme: "light" });
  const dark = await world.open("/", { colorScheme: "dark" });
  const [lightGround, darkGround] = [await groundOf(light), await groundOf(dark)];
  expect(lightGround).not.toBe(darkGround);
  await screenshot(dark, "overview-dark");
  await light.getByLabel("Theme").selectOption("dark");
  expect(await groundOf(light)).toBe(darkGround);
  // Before any module ran the document knows which it is.
  await light.route("**/assets/*.js", (route) => route.abort());
  await light.reload();
  expect(await groundOf(light)).toBe(darkGround);
  await light.context().close();
  await dark.context().close();
});

test("axe finds nothing serious on any page, in either theme", async () => {
  const { id } = await incidentOf("kiosk");
  for (const colorScheme of ["light", "dark"] as const) {
    const page = await world.open("/", { colorScheme });
    for (const path of pathsOf(id)) {
      await page.goto(`${world.url}${path}`);
      await settled(page);
      if (path === "/silences") await page.getByRole("button", { name: "Add a silence" }).click();
      await screenshot(
        page,
        `${path.replace(/\W+/g, "-").slice(1, 20) || "overview"}-${colorScheme}`,
      );
      expect([path, await violations(page)]).toEqual([path, []]);
    }
    await page.context().close();
  }
});

test("the server goes and comes back: the page says so, and is live again by itself", async () => {
  const page = await world.open("/");
  await page
    .locator("#link-state")
    .filter({ hasText: /^live$/ })
    .waitFor(WAIT);
  await world.stop();
  await page.locator("#link-state").filter({ hasText: "reconnecting" }).waitFor(WAIT);
  await screenshot(page, "reconnecting");
  await world.startAgain();
  await page
    .locator("#link-state")
    .filter({ hasText: /^live$/ })
    .waitFor(WAIT);
  await sendFault("after");
  await card(page, "after: error rate spike").waitFor(WAIT);
  expect(world.complaints).toEqual([]);
  await page.context().close();
});

// Goal: it works where a proxy leads a path of its own to it, whether or not that takes the path off.
test("below a path of its own, and guarded by keys: it asks for one, and no address leads out", async () => {
  await using guarded = await startWorld({
    PUBLIC_URL: "http://127.0.0.1/ops/tracer",
    TRACER_ADMIN_KEY: "an-admin-key-of-the-browser-tests",
  });
  const page = await guarded.open("/ops/tracer/");
  const refused: string[] = [];
  page.on("response", (response) => {
    if (response.status() === 404) refused.push(response.url());
  });
  await page.getByRole("heading", { name: "A key is needed" }).waitFor(WAIT);
  expect(await page.locator("#link-state").textContent()).toBe("locked");
  await screenshot(page, "key");
  expect(await violations(page)).toEqual([]);
  await page.goto(`${guarded.url}/ops/tracer/i/inc_${"0".repeat(32)}-1`);
  await page.getByRole("heading", { name: "A key is needed" }).waitFor(WAIT);
  await page.getByRole("link", { name: "Services" }).click();
  expect(page.url()).toBe(`${guarded.url}/ops/tracer/services`);
  await page.goto(`${guarded.url}/services`);
  await page.getByRole("heading", { name: "A key is needed" }).waitFor(WAIT);

  await page.getByLabel("Key", { exact: true }).fill("not-this-one");
  await page.getByRole("button", { name: "Open" }).click();
  await page.getByText("This key is not known.").waitFor(WAIT);
  await page.getByLabel("Key", { exact: true }).fill("an-admin-key-of-the-browser-tests");
  await page.getByRole("button", { name: "Open" }).click();
  await page.getByRole("heading", { level: 1, name: "Services" }).waitFor(WAIT);
  await page
    .locator("#link-state")
    .filter({ hasText: /^live$/ })
    .waitFor(WAIT);
  await page.getByRole("link", { name: "Settings" }).click();
  await page.getByLabel("Name of a new key").fill("of the shop");
  await page.getByRole("button", { name: "Make a key" }).click();
  const key = (await page.locator("#new-key").textContent()) ?? "";
  expect(key).toMatch(/^trc_default_[0-9a-f]{48}$/);
  await screenshot(page, "keys");
  expect(await violations(page)).toEqual([]);
  await page.reload();
  const entry = page.getByRole("listitem").filter({ hasText: "of the shop" });
  await entry.waitFor(WAIT);
  expect(await page.getByText(key).count()).toBe(0);
  await entry.getByRole("button", { name: "Revoke" }).click();
  await entry.getByText("revoked").waitFor(WAIT);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "A key is needed" }).waitFor(WAIT);
  expect(refused).toEqual([]);
  expect(guarded.complaints).toEqual([]);
});

function pathsOf(id: string): string[] {
  const pages = ["services", "silences", "channels", "deliveries", "send", "settings"];
  return ["/", `/i/${id}`, "/service?name=kiosk", ...pages.map((name) => `/${name}`)];
}

/** Until the page has its heading and nothing is on its way. */
async function settled(page: Page): Promise<void> {
  await page.locator("main h1").first().waitFor(WAIT);
  await page
    .locator("#link-state")
    .filter({ hasText: /^live$/ })
    .waitFor(WAIT);
  await page.waitForFunction("document.fonts.status === 'loaded'");
}

async function widths(page: Page): Promise<[number, number]> {
  const found = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]");
  if (!Array.isArray(found)) throw new Error("no widths");
  return [Number(found[0]), Number(found[1])];
}
