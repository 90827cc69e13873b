// A web application on a free port, and what it answers.

import assert from "node:assert/strict";
import { once } from "node:events";

/** The URL of a Node server that listens until the test ends. */
export async function served(t, server) {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${server.address().port}`;
}

export const get = (url, token, headers = {}) => fetch(url, { headers: { ...(token && { authorization: `Bearer ${token}` }), ...headers } });

/** Holds an answer against status, code and challenge. */
export async function refused(answer, status, code, challenge) {
  assert.equal(answer.status, status);
  assert.equal(answer.headers.get("content-type"), "application/problem+json");
  assert.equal(answer.headers.get("cache-control"), "no-store");
  assert.equal(answer.headers.get("www-authenticate"), challenge);
  const { detail, ...problem } = await answer.json();
  const title = { 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 503: "Service Unavailable" }[status];
  assert.deepEqual(problem, { title, status, code });
  assert.ok(detail);
}
