// From the first start to the last logout, as people live it; once with JavaScript and once without.

import assert from "node:assert/strict";
import { it } from "node:test";

import { assertQuiet, at, device, logIn, submit } from "../support/chromium.mjs";
import { PASSWORD, running } from "../support/watchword.mjs";

const FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "with JavaScript" : "without JavaScript";

  it(`the printed link creates the first administrator, once, ${how}`, { timeout: 300_000 }, async (t) => {
    const server = await running(t, { accounts: {} });
    const page = await device(t, { javaScriptEnabled });
    await page.goto(server.setupLink);
    await at(page, "First administrator");
    await submit(page, "Create administrator", { Username: "kavya", Password: PASSWORD });
    await at(page, "Welcome kavya");
    assert.equal(await page.getByText("admin", { exact: true }).count(), 1);
    const answer = await page.goto(server.setupLink);
    assert.equal(answer.status(), 404);
    await page.getByText("no longer works").first().waitFor();
    assertQuiet(page);
  });

  it(`people sign up, log in and log out, ${how}`, { timeout: 300_000 }, async (t) => {
    const server = await running(t);
    const page = await device(t, { javaScriptEnabled });
    await page.goto(server.url);
    await page.getByRole("link", { name: "Create an account" }).click();
    await submit(page, "Create account", { Username: "meera", Password: PASSWORD });
    await at(page, "Welcome meera");
    await submit(page, "Log out");
    await at(page, "Logged out");
    await page.getByRole("link", { name: "Log in again" }).click();
    await logIn(page, "meera", "these are other words entirely");
    assert.equal(await page.getByRole("alert").innerText(), "The username or password is not right.");
    assert.equal(await page.getByLabel("Username or e-mail").inputValue(), "meera");
    assert.equal(await page.getByLabel("Password").inputValue(), "");
    await logIn(page, "meera");
    await at(page, "Welcome meera");
    assertQuiet(page);
  });

  it(`one device ends the other, which is asked to log in at its next click, ${how}`, { timeout: 300_000 }, async (t) => {
    const server = await running(t);
    const [desk, phone] = [
      await device(t, { javaScriptEnabled }),
      await device(t, { javaScriptEnabled, userAgent: FIREFOX }),
    ];
    for (const page of [desk, phone]) {
      await page.goto(`${server.url}/login`);
      await logIn(page, "kavya");
      await at(page, "Welcome kavya");
    }
    await desk.getByRole("link", { name: "Devices", exact: true }).click();
    await at(desk, "Devices");
    const entries = desk.locator("ul.devices > li");
    assert.equal(await entries.count(), 2);
    assert.match(await entries.nth(0).innerText(), /Chrome.*\n?.*This device/i);
    assert.match(await entries.nth(1).innerText(), /Firefox/);
    await entries.nth(1).getByRole("button", { name: /^End/ }).click();
    await desk.getByText("One session was ended.").waitFor();
    await desk.waitForLoadState();
    assert.equal(await entries.count(), 1);
    await phone.getByRole("link", { name: "Devices", exact: true }).click();
    await at(phone, "Log in");
    await logIn(phone, "kavya");
    await at(phone, "Devices");
    await submit(phone, "End all, this one too");
    await at(phone, "Log in");
    await desk.reload();
    await at(desk, "Log in");
    assertQuiet(desk, phone);
  });

  it(`after a logout the Back button shows nothing private, ${how}`, { timeout: 300_000 }, async (t) => {
    const server = await running(t);
    const page = await device(t, { javaScriptEnabled });
    await page.goto(`${server.url}/login`);
    await logIn(page, "kavya");
    await at(page, "Welcome kavya");
    await page.getByRole("link", { name: "Devices", exact: true }).click();
    await at(page, "Devices");
    await page.getByRole("link", { name: "Dashboard", exact: true }).click();
    await at(page, "Welcome kavya");
    await submit(page, "Log out");
    await at(page, "Logged out");
    for (const steps of [1, 2]) {
      await page.goBack({ waitUntil: "load" });
      await at(page, "Log in");
      assert.ok(!(await page.content()).includes("kavya"), `${steps} back`);
    }
    assertQuiet(page);
  });
}

it("no script can read the cookie", { timeout: 300_000 }, async (t) => {
  const server = await running(t);
  const page = await device(t);
  await page.goto(`${server.url}/login`);
  await logIn(page, "kavya");
  await at(page, "Welcome kavya");
  assert.equal(await page.evaluate(() => document.cookie), "");
  assert.equal(await page.evaluate(() => Object.keys(localStorage).length + Object.keys(sessionStorage).length), 0);
  const [cookie] = (await page.context().cookies()).filter(({ name }) => name === "session");
  assert.deepEqual([cookie.httpOnly, cookie.sameSite, cookie.path], [true, "Lax", "/"]);
  assertQuiet(page);
});
