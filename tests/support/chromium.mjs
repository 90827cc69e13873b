// A person with Chromium: devices, what they do on our pages, and a watch on everything that must not happen.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after } from "node:test";

import { chromium } from "playwright-core";

import { PASSWORD } from "./watchword.mjs";

const QUIET = ["--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

// One browser for all tests of a file; what tests must not share is in the device.
let started;
after(async () => (await started)?.close());

function browser() {
  return (started ??= chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--headless", "--no-sandbox", ...QUIET],
    // The Back button must be as dangerous here as it is for everybody.
    ignoreDefaultArgs: ["--disable-back-forward-cache"],
  }));
}

/**
 * A device, until the test `t` ends: its own cookies, and one page. Whatever a script says in it, whatever the browser
 * complains about and whatever the security policy stops is kept in `page.complaints`.
 */
export async function device(t, options = {}) {
  const context = await (await browser()).newContext({ viewport: { width: 1280, height: 800 }, ...options });
  t.after(() => context.close());
  context.setDefaultTimeout(60_000);
  const page = await context.newPage();
  page.complaints = [];
  const keep = (text) => page.complaints.push(`${page.url()}: ${text}`);
  page.on("dialog", (dialog) => (keep(`dialog: ${dialog.message()}`), dialog.dismiss()));
  page.on("pageerror", (error) => keep(`error: ${error.message}`));
  const visited = new Set();
  page.on("request", (request) => request.isNavigationRequest() && visited.add(request.url()));
  page.on("console", (message) => {
    if (!isExpected(message, visited)) keep(`console: ${message.text()} (${message.location().url})`);
  });
  return page;
}

/** Fails if anything at all was complained about. */
export function assertQuiet(...pages) {
  assert.deepEqual(pages.flatMap((page) => page.complaints), []);
}

/** What the browser says of pages in perfect order. */
function isExpected(message, visited) {
  const [text, about] = [message.text(), message.location().url];
  // A page that refuses something, and the icon that Chromium asks for on its own when it shows JSON or text.
  if (/^Failed to load resource: the server responded with a status of 4\d\d/.test(text)) {
    return visited.has(about) || new URL(about).pathname === "/favicon.ico";
  }
  // Somebody typed before the page had put the cursor into its first field.
  return text.startsWith("Autofocus processing was blocked");
}

/** Fills in the form that ends with the button of this name, presses it, and waits for the page that is answered. */
export async function submit(page, button, fields = {}) {
  const form = page.locator("main form", { has: page.getByRole("button", { name: button }) });
  for (const [label, text] of Object.entries(fields)) await form.getByLabel(label).fill(text);
  await Promise.all([page.waitForNavigation(), form.getByRole("button", { name: button }).click()]);
}

/** Logs in at the page that is shown now. */
export function logIn(page, name, password = PASSWORD) {
  return submit(page, "Log in", { "Username or e-mail": name, Password: password });
}

/** Fails unless the page has this heading. Waits for it, and for the rest of the page. */
export async function at(page, heading) {
  await page.getByRole("heading", { level: 1, name: heading, exact: true }).waitFor();
  await page.waitForLoadState();
}

/** Another site: serves `pages`, path to HTML, until the test ends. */
export async function otherSite(t, host, pages) {
  const server = createServer((request, response) => {
    const html = pages[request.url];
    response.writeHead(html ? 200 : 404, { "content-type": "text/html" }).end(html ?? "");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => (server.closeAllConnections(), server.close()));
  return `http://${host}:${server.address().port}`;
}
