// Every page at the size of a phone and of a desk, light and dark: nothing is wider than the screen, and
// .work/screenshots shows how it looks.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { it } from "node:test";
import { fileURLToPath } from "node:url";

import { assertQuiet, at, device, logIn, submit } from "../support/chromium.mjs";
import { running } from "../support/watchword.mjs";

const FOLDER = fileURLToPath(new URL("../../.work/screenshots/", import.meta.url));
const SIZES = [{ width: 390, height: 844 }, { width: 1280, height: 800 }];

it("every page fits its screen", { timeout: 900_000 }, async (t) => {
  mkdirSync(FOLDER, { recursive: true });
  const [server, empty, strict] = [
    await running(t, { verifiers: ["orders"] }),
    await running(t, { accounts: {} }),
    await running(t, { settings: { THROTTLE_ACCOUNT_BURST: "1", THROTTLE_ACCOUNT_EVERY: "1h" } }),
  ];
  const page = await device(t, { reducedMotion: "reduce" });
  const shoot = (name) => photograph(page, name);

  await page.goto(empty.setupLink);
  await shoot("setup");
  await submit(page, "Create administrator", { Username: "k", "E-mail": "k@k", Password: "four little words" });
  await shoot("setup-errors");
  await page.goto(`${empty.url}/setup/wws_gone`);
  await shoot("setup-gone");

  await page.goto(server.url);
  await shoot("home");
  await page.goto(`${server.url}/api`);
  await shoot("api");
  await page.locator("summary").first().click();
  await shoot("api-open");
  await page.goto(`${server.url}/nowhere`);
  await shoot("not-found");
  await page.goto(`${server.url}/signup`);
  await shoot("signup");
  await submit(page, "Create account", { Username: "kavya", Password: "passwordpassword" });
  await shoot("signup-errors");
  await page.goto(`${strict.url}/login`);
  for (const _ of [1, 2]) await logIn(page, "arjun", "some words that are not right");
  await page.getByText("Too many failed tries.").waitFor();
  await shoot("login-too-many");

  await page.goto(`${server.url}/login`);
  await shoot("login");
  await logIn(page, "kavya", "some words that are not right");
  await page.getByRole("alert").waitFor();
  await shoot("login-wrong");
  await logIn(page, "kavya");
  await at(page, "Welcome kavya");
  await shoot("dashboard-alone");
  for (const cookie of [true, false]) await server.login("kavya", { cookie });
  await page.reload();
  await shoot("dashboard");
  await page.goto(`${server.url}/account/sessions`);
  await shoot("devices");
  for (const name of ["orders-1", "orders-2"]) await follow(server, name);
  await page.locator("ul.devices > li").last().getByRole("button").click();
  await page.getByText("One session was ended.").waitFor();
  await shoot("devices-ended");
  await follow(server, "orders-1", await follow(server, "orders-1"));
  await page.getByRole("link", { name: "who refuses it" }).click();
  await page.getByText("1 of 2 connected programs by now").waitFor();
  await shoot("session-ended");
  await follow(server, "orders-2", await follow(server, "orders-2"));
  await page.getByRole("link", { name: "Look again" }).click();
  await page.getByText("All 2 connected programs").waitFor();
  await shoot("session-ended-everywhere");
  await page.goto(server.url);
  await shoot("home-member");
  await page.goto(`${server.url}/nowhere`);
  await shoot("not-found-member");
  await page.goto(`${server.url}/dashboard`);
  await page.context().clearCookies();
  await submit(page, "Log out");
  await shoot("logged-out");
  assertQuiet(page);
});

/** Asks for revocations as a process of this name; the position that it has then. */
async function follow({ url, credentials }, name, position) {
  // So that it counts as connected for as long as this takes: twice its bound.
  const question = new URLSearchParams({ name, bound: "300000", ...(position && { position }) });
  const answer = await fetch(`${url}/revocations?${question}`, { headers: { authorization: `Bearer ${credentials.orders}` } });
  assert.equal(answer.status, 200);
  const bytes = Buffer.from(await answer.arrayBuffer());
  let at = 0;
  // The watermark is the last frame, and its position comes behind an age and a time.
  while (bytes[at] !== 0x10) at += 3 + bytes.readUInt16BE(at + 1);
  return bytes.toString("ascii", at + 3 + 4 + 8);
}

async function photograph(page, name) {
  for (const viewport of SIZES) {
    await page.setViewportSize(viewport);
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.equal(wide, 0, `${name} is ${wide} pixels too wide at ${viewport.width}`);
      await page.screenshot({ path: `${FOLDER}${name}-${viewport.width}-${colorScheme}.png`, fullPage: true });
    }
  }
}
