// What a page of another site can do to somebody who is logged in here: nothing.

import assert from "node:assert/strict";
import { it } from "node:test";

import { at, device, logIn, otherSite } from "../support/chromium.mjs";
import { PASSWORD, dashboard, running } from "../support/watchword.mjs";

const whole = { timeout: 300_000 };

// `localhost` is another site than 127.0.0.1, so the browser keeps the cookie back. Another port is another origin of
// the same site: the cookie is sent, and only the server's own checks are left.
for (const [kind, host] of [["another site", "localhost"], ["another origin of this site", "127.0.0.1"]]) {
  it(`${kind} cannot show our pages in a frame`, whole, async (t) => {
    const { page, server } = await loggedIn(t);
    const pages = Object.fromEntries(["/dashboard", "/login", "/account/sessions"].map((path, index) => [
      `/${index}`,
      `<h1>Win a prize</h1><iframe src="${server.url}${path}" style="opacity:0.01"></iframe>`,
    ]));
    const other = await otherSite(t, host, pages);
    for (const path of Object.keys(pages)) {
      const [stopped] = await Promise.all([page.waitForEvent("requestfailed"), page.goto(other + path)]);
      assert.equal(stopped.failure().errorText, "net::ERR_BLOCKED_BY_RESPONSE", stopped.url());
      assert.ok(stopped.url().startsWith(server.url) && stopped.frame() !== page.mainFrame());
    }
  });

  it(`a form on ${kind} cannot log anybody out`, whole, async (t) => {
    const { page, server } = await loggedIn(t);
    const other = await otherSite(t, host, { "/": form(`${server.url}/logout`, {}) });
    await press(page, other);
    await page.goto(`${server.url}/dashboard`);
    await at(page, "Welcome kavya");
  });

  it(`a form on ${kind} cannot log anybody in, nor end a session, nor make an account`, whole, async (t) => {
    const { page, server } = await loggedIn(t);
    const attacker = { username: "arjun", password: PASSWORD };
    const pages = {
      "/login": form(`${server.url}/login`, attacker),
      "/json": form(`${server.url}/login`, { '{"username":"arjun","password":"x","a":"': '"}' }, "text/plain"),
      "/signup": form(`${server.url}/signup`, { username: "mallory", password: PASSWORD }),
      "/end": form(`${server.url}/account/sessions/end-all`, {}),
    };
    const other = await otherSite(t, host, pages);
    for (const path of Object.keys(pages)) {
      const answer = await press(page, other + path);
      assert.ok([401, 403, 415].includes(answer.status()), `${path} answered ${answer.status()}`);
      await page.goto(`${server.url}/dashboard`);
      await at(page, "Welcome kavya");
    }
  });

  it(`a script on ${kind} can neither read our answers nor send JSON with the cookie`, whole, async (t) => {
    const { page, server } = await loggedIn(t);
    await page.goto(await otherSite(t, host, { "/": "<p>Hello</p>" }));
    const tries = [
      { path: "/api/v1/session", init: {} },
      { path: "/dashboard", init: {} },
      { path: "/login", init: { method: "POST", headers: { "content-type": "application/json" }, body: "{}" } },
      { path: "/api/v1/sessions", init: { method: "DELETE" } },
    ];
    for (const { path, init } of tries) {
      const outcome = await page.evaluate(
        ([url, options]) => fetch(url, { credentials: "include", ...options }).then((r) => r.status, (e) => e.name),
        [server.url + path, init],
      );
      assert.equal(outcome, "TypeError", path);
    }
    await page.goto(`${server.url}/dashboard`);
    await at(page, "Welcome kavya");
  });
}

it("a login through a link from another site works, because the cookie is sent with it", whole, async (t) => {
  const { page, server } = await loggedIn(t);
  await page.goto(await otherSite(t, "localhost", { "/": `<a href="${server.url}/dashboard">in</a>` }));
  await page.getByRole("link").click();
  await at(page, "Welcome kavya");
  const { access_token } = await server.login();
  assert.equal((await dashboard(server.url, access_token)).status, 200);
});

async function loggedIn(t) {
  const server = await running(t);
  const page = await device(t);
  await page.goto(`${server.url}/login`);
  await logIn(page, "kavya");
  await at(page, "Welcome kavya");
  return { page, server };
}

function form(action, fields, encoding = "application/x-www-form-urlencoded") {
  const inputs = Object.entries(fields).map(([name, value]) => `<input name='${name}' value='${value}'>`);
  return `<form method="post" action="${action}" enctype="${encoding}">${inputs.join("")}<button>Win</button></form>`;
}

/** Presses the button of the other site; what our server answers to its form. */
async function press(page, url) {
  await page.goto(url);
  const [answer] = await Promise.all([
    page.waitForResponse((response) => response.request().method() === "POST"),
    page.waitForURL((shown) => shown.origin !== new URL(url).origin),
    page.getByRole("button", { name: "Win" }).click(),
  ]);
  return answer;
}
