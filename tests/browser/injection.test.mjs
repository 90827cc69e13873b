// Text that comes from outside is shown as text, wherever it stands in a request.

import assert from "node:assert/strict";
import { it } from "node:test";

import { assertQuiet, at, device, logIn, submit } from "../support/chromium.mjs";
import { running } from "../support/watchword.mjs";

const TEXTS = [
  `"><svg onload=alert(1)>`,
  `'><img src=x onerror=alert(1)>`,
  `</title></textarea></style><script>alert(1)</script>`,
  `{{7*7}}<iframe srcdoc='<script>alert(1)</script>'>`,
  `javascript:alert(1)`,
];
const NAMES = ["next", "username", "name", "email", "error", "message", "ended", "csrf", "q"];
const PATHS = ["/", "/login", "/signup", "/dashboard", "/account/sessions", "/logout", "/api", "/nowhere"];
const whole = { timeout: 600_000 };

for (const who of ["a stranger", "somebody who is logged in"]) {
  it(`no query parameter and no path becomes markup, for ${who}`, whole, async (t) => {
    const server = await running(t);
    const page = await device(t);
    if (who !== "a stranger") await logInAt(page, server);
    for (const text of TEXTS) {
      const encoded = encodeURIComponent(text);
      const query = NAMES.map((name) => `${name}=${encoded}`).join("&");
      const single = NAMES.map((name) => `${name}=${encoded}`);
      const urls = PATHS.flatMap((path) => [`${path}?${query}`, ...(path === "/login" ? single.map((one) => `${path}?${one}`) : [])]);
      const inPath = ["/", "/setup/", "/static/", "/account/sessions/", "/api/v1/sessions/"].map((path) => path + encoded);
      for (const url of [...urls, ...inPath]) {
        await page.goto(server.url + url);
        await assertPlain(page, url);
      }
    }
    assertQuiet(page);
  });
}

it("no field of a form becomes markup when it is shown again", whole, async (t) => {
  const server = await running(t);
  const page = await device(t);
  for (const text of TEXTS) {
    await page.goto(`${server.url}/login?next=${encodeURIComponent(text)}`);
    await logIn(page, text, "some words that are not right");
    assert.equal(await page.getByLabel("Username or e-mail").inputValue(), text);
    await assertPlain(page, "/login");
    await page.goto(`${server.url}/signup`);
    // What the browser itself refuses to send is sent all the same, as an attacker's own form would.
    await page.evaluate(() => (document.querySelector("main form").noValidate = true));
    await submit(page, "Create account", { Username: text, Password: text });
    assert.equal(await page.getByLabel("Username").inputValue(), text);
    await assertPlain(page, "/signup");
  }
  assertQuiet(page);
});

it("a device cannot name itself with markup", whole, async (t) => {
  const server = await running(t);
  for (const text of TEXTS) {
    const page = await device(t, { userAgent: text });
    await logInAt(page, server);
    await page.goto(`${server.url}/account/sessions`);
    await assertPlain(page, text);
    assertQuiet(page);
  }
});

it("after a login nobody is led to another site", whole, async (t) => {
  const server = await running(t);
  for (const next of ["//evil.example", "https://evil.example/", "/\\evil.example", "/%2fevil.example", "javascript:alert(1)"]) {
    const page = await device(t);
    await page.goto(`${server.url}/login?next=${encodeURIComponent(next)}`);
    await logIn(page, "kavya");
    await at(page, "Welcome kavya");
    assert.equal(page.url(), `${server.url}/dashboard`, next);
    assertQuiet(page);
  }
});

async function logInAt(page, server) {
  await page.goto(`${server.url}/login`);
  await logIn(page, "kavya");
  await at(page, "Welcome kavya");
}

/** The policy would stop a script from running; this says that there is none to stop. */
async function assertPlain(page, where) {
  const found = await page.evaluate(() => {
    const all = [...document.querySelectorAll("*")];
    const suspects = all.filter((node) => node.matches("script, iframe, svg, object, embed, textarea, img:not([src^='/static/'])")
      || [...node.attributes].some(({ name, value }) => name.startsWith("on") || /^\s*javascript:/i.test(value) && name !== "value"));
    return suspects.map((node) => node.outerHTML);
  });
  assert.deepEqual(found, [], where);
}
