// The page that `watchword compare --html` writes: it fits any screen, needs nothing else, and every plot is told in words.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";

import { assertQuiet, at, device } from "../support/chromium.mjs";

const BINARY = process.env.SERVER_BINARY ?? fileURLToPath(new URL("../../target/debug/watchword", import.meta.url));
const WAYS = ["cookie, database read", "cookie, cache + feed", "JWT alone", "JWT + feed", "JWT + introspection"];

it("the page of a comparison is whole", { timeout: 600_000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "watchword-test-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "report.html");
  const quick = ["compare", "--seconds", "0.3", "--connections", "2", "--logouts", "2", "--html", file];
  const ran = spawnSync(BINARY, quick, { cwd: folder, encoding: "utf8" });
  assert.equal(ran.status, 0, `${ran.stderr}${ran.error ?? ""}`);

  const page = await device(t);
  const asked = [];
  page.on("request", (request) => asked.push(request.url()));
  const url = pathToFileURL(file).href;
  await page.goto(url);
  await at(page, "Who is asking, in five ways");
  for (const width of [360, 768, 1280]) {
    for (const colorScheme of ["light", "dark"]) {
      await page.setViewportSize({ width, height: 800 });
      await page.emulateMedia({ colorScheme });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.equal(wide, 0, `${wide} pixels too wide at ${width}, ${colorScheme}`);
    }
  }
  const plots = page.getByRole("img");
  assert.equal(await plots.count(), 5);
  for (const label of await plots.evaluateAll((all) => all.map((plot) => plot.getAttribute("aria-label")))) {
    for (const way of WAYS) assert.ok(label.includes(way), `${way}: ${label}`);
  }
  const overlaps = await plots.evaluateAll((all) => all.flatMap((plot) => {
    const texts = [...plot.querySelectorAll("text")].map((text) => [text.textContent, text.getBoundingClientRect()]);
    const meet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
    return texts.flatMap(([one, a], place) => texts.slice(place + 1).filter(([, b]) => meet(a, b)).map(([other]) => `${one} / ${other}`));
  }));
  assert.deepEqual(overlaps, []);
  assert.equal(await page.getByRole("row").filter({ hasText: "used by" }).count(), 1);
  assert.deepEqual(asked.filter((one) => one !== url), [], "nothing else is fetched");
  assertQuiet(page);
});
