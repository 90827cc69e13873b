// Two tabs of one browser share a login, and what was opened before it changed still behaves.

import assert from "node:assert/strict";
import { it } from "node:test";

import { assertQuiet, at, device, logIn, submit } from "../support/chromium.mjs";
import { dashboard, running } from "../support/watchword.mjs";

const whole = { timeout: 300_000 };

it("the login form of another tab still works after this tab has logged in", whole, async (t) => {
  const { server, first, second } = await twoTabs(t, "/login", "/login");
  await logIn(first, "kavya");
  await at(first, "Welcome kavya");
  await logIn(second, "arjun");
  await at(second, "Welcome arjun");
  await first.goto(`${server.url}/dashboard`);
  await at(first, "Welcome arjun");
  assertQuiet(first);
});

it("a logout in one tab logs the other out, whose buttons then do nothing", whole, async (t) => {
  const { server, first, second } = await twoTabs(t, "/login", "/");
  await logIn(first, "kavya");
  await at(first, "Welcome kavya");
  const { access_token } = await server.login();
  await second.goto(`${server.url}/account/sessions`);
  await at(second, "Devices");
  await submit(first, "Log out");
  await at(first, "Logged out");
  await submit(second, "End all other sessions");
  await at(second, "Log in");
  assert.ok(!(await second.content()).includes("kavya"));
  assert.equal((await dashboard(server.url, access_token)).status, 200);
  assertQuiet(first);
});

it("a second logout says that there is nothing left to end", whole, async (t) => {
  const { server, first, second } = await twoTabs(t, "/login", "/");
  await logIn(first, "kavya");
  await at(first, "Welcome kavya");
  await second.goto(`${server.url}/dashboard`);
  for (const page of [first, second]) {
    await submit(page, "Log out");
    await at(page, "Logged out");
  }
  assert.equal(await second.getByRole("status").innerText(), "You were logged out already.");
  assertQuiet(first);
});

async function twoTabs(t, ...paths) {
  const server = await running(t);
  const first = await device(t);
  const second = await first.context().newPage();
  for (const [page, path] of [[first, paths[0]], [second, paths[1]]]) await page.goto(server.url + path);
  return { server, first, second };
}
