// A Watchword of one's own: on a free port of loopback, with a folder that goes away.

import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export const PASSWORD = "four unrelated words for tests";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const BINARY = process.env.SERVER_BINARY ?? join(ROOT, "target/debug/watchword");

/**
 * Runs a server until the test `t` ends. `accounts` exist from the start, name to roles; `settings` are variables
 * without their prefix. Without accounts the server prints a set-up link, which becomes `setupLink`. Each of `verifiers` may follow the
 * revocations, with its credential in `credentials`. `run` runs a command beside the server.
 */
export async function running(t, { accounts = { kavya: "admin", arjun: "" }, settings = {}, verifiers = [] } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "watchword-test-"));
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("WATCHWORD_"));
  const own = Object.entries(settings).map(([name, value]) => [`WATCHWORD_${name}`, value]);
  const place = { cwd: folder, env: Object.fromEntries([...inherited, ...own]) };
  const command = ["--listen", "127.0.0.1:0", "--database", `sqlite:${join(folder, "watchword.db")}`];
  const clear = () => rmSync(folder, { recursive: true, force: true });
  t.after(clear);
  const add = (what, name, ...more) => {
    const ran = spawnSync(BINARY, [...command, what, "add", name, ...more], { ...place, input: PASSWORD, encoding: "utf8" });
    if (ran.status !== 0) throw new Error(`cannot add ${name}: ${ran.stderr}${ran.error ?? ""}`);
    return ran.stdout;
  };
  for (const [name, roles] of Object.entries(accounts)) add("user", name, "--password-stdin", ...(roles ? ["--roles", roles] : []));
  const credentials = Object.fromEntries(verifiers.map((name) => [name, JSON.parse(add("verifier", name, "--json")).credential]));
  const server = spawn(BINARY, command, { ...place, stdio: ["ignore", "pipe", "pipe"] });
  const kill = () => server.kill("SIGKILL");
  process.once("exit", kill);
  const ended = new Promise((resolve) => server.once("exit", resolve));
  let log = "";
  server.stderr.setEncoding("utf8").on("data", (text) => (log += text));
  t.after(async () => {
    server.kill("SIGTERM");
    const late = setTimeout(kill, 15_000);
    await ended;
    clearTimeout(late);
    process.off("exit", kill);
    clear();
  });
  const wanted = Object.keys(accounts).length === 0 ? ["url", "setupLink"] : ["url"];
  const printed = await readPrinted(server, wanted, () => log);
  const run = (...args) => {
    const ran = spawnSync(BINARY, [...command, ...args], { ...place, encoding: "utf8" });
    if (ran.status !== 0) throw new Error(`${args.join(" ")}: ${ran.stderr}${ran.error ?? ""}`);
  };
  return { ...printed, credentials, run, log: () => log, login: (name, more) => login(printed.url, name, more) };
}

/** Runs a relay of a server until the test `t` ends: its URL, and the secret by which it may be followed. */
export async function relaying(t, issuer, credential) {
  const folder = mkdtempSync(join(tmpdir(), "watchword-relay-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const [upstream, secret] = [join(folder, "upstream"), join(folder, "secret")];
  writeFileSync(upstream, credential);
  const options = ["--listen", "127.0.0.1:0", "--issuer", issuer, "--credential-file", upstream, "--listener", `orders=${secret}`];
  const relay = spawn(BINARY, ["relay", ...options], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  const kill = () => relay.kill("SIGKILL");
  process.once("exit", kill);
  const ended = new Promise((resolve) => relay.once("exit", resolve));
  let log = "";
  relay.stderr.setEncoding("utf8").on("data", (text) => (log += text));
  t.after(async () => {
    kill();
    await ended;
    process.off("exit", kill);
  });
  const { url } = await readPrinted(relay, ["url"], () => log);
  return { url, secret: readFileSync(secret, "utf8").trim() };
}

/** Reads standard output until all that is wanted has been printed; keeps reading, so that the pipe never fills. */
function readPrinted(server, wanted, log) {
  const found = {};
  const patterns = { url: /^Listening on (\S+)/, setupLink: /(http:\S+\/setup\/\S+)/ };
  return new Promise((resolve, reject) => {
    createInterface({ input: server.stdout }).on("line", (line) => {
      for (const name of wanted) found[name] ??= line.match(patterns[name])?.[1];
      if (wanted.every((name) => found[name])) resolve(found);
    });
    server.once("error", reject);
    server.once("exit", () => reject(new Error(`the server ended before it served: ${log()}`)));
  });
}

/** Logs in as a program does; the answer's JSON. */
async function login(url, username = "kavya", more = {}) {
  const answer = await post(`${url}/login`, { username, password: PASSWORD, ...more });
  if (answer.status !== 200) throw new Error(`login answered ${answer.status}: ${await answer.text()}`);
  return answer.json();
}

/** Posts JSON, or nothing but a bearer token. */
export function post(url, body, token) {
  const headers = { ...(body && { "content-type": "application/json" }), ...(token && { authorization: `Bearer ${token}` }) };
  return fetch(url, { method: "POST", headers, body: body && JSON.stringify(body) });
}

/** What the dashboard answers to an access token. */
export function dashboard(url, token) {
  return fetch(`${url}/dashboard`, { headers: { authorization: `Bearer ${token}` } });
}
