// An issuer of one's own, which says whatever a test wants, and signs whatever it wants.

import { createHmac, generateKeyPairSync, sign } from "node:crypto";
import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { once } from "node:events";

/** Milliseconds of an issuer's clock that has nothing to do with this machine's. */
export const NOW = 1_700_000_000_000;
export const SID = "0190a5c4-7d2e-7000-8000-000000000001";
export const USER = "0190a5c4-7d2e-7000-8000-00000000000a";

const KINDS = {
  EdDSA: ["ed25519", {}],
  ES256: ["ec", { namedCurve: "P-256" }],
  RS256: ["rsa", { modulusLength: 2048 }],
};

/** A key pair with what is published of it. */
export function keyPair(algorithm, kid) {
  const { publicKey, privateKey } = generateKeyPairSync(...KINDS[algorithm]);
  return { algorithm, kid, publicKey, privateKey, jwk: { ...publicKey.export({ format: "jwk" }), kid, alg: algorithm, use: "sig" } };
}

export const encode = (value) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

/** A token with whatever header and payload; `by` signs it. */
export function jwt(by, header, payload) {
  const signed = `${encode(header)}.${encode(payload)}`;
  return `${signed}.${signatureOf(by, signed)}`;
}

function signatureOf(by, signed) {
  if (by.secret) return createHmac("sha256", by.secret).update(signed).digest("base64url");
  const key = by.algorithm === "ES256" ? { key: by.privateKey, dsaEncoding: "ieee-p1363" } : by.privateKey;
  return sign(by.algorithm === "EdDSA" ? null : "sha256", Buffer.from(signed), key).toString("base64url");
}

export const header = ({ algorithm, kid }) => ({ alg: algorithm, typ: "at+jwt", kid });

/** The claims of a token that was made at `at`, in unix milliseconds. */
export function claims(issuer, at = Date.now(), more = {}) {
  const [iat, rest] = [Math.floor(at / 1_000), { jti: "t1", client_id: "web", scope: "", roles: ["clerk"] }];
  return { iss: issuer, aud: issuer, sub: USER, sid: SID, iat, exp: iat + 600, auth_time: iat, uep: 1, rat: at, ...rest, ...more };
}

/** Serves until the test ends. `routes` answer by path, and may be exchanged while it runs; `asked` counts. With `tls` on https. */
export async function issuer(t, keys = [keyPair("EdDSA", "k1")], tls = undefined) {
  const own = { keys, asked: {}, routes: {}, url: "" };
  const json = (value) => (_, response) => response.setHeader("content-type", "application/json").end(JSON.stringify(value));
  const server = (tls ? createTlsServer : createServer)(tls ?? {}, (request, response) => {
    const path = request.url.split("?")[0];
    own.asked[path] = (own.asked[path] ?? 0) + 1;
    const route = own.routes[path];
    if (route) route(request, response);
    else response.writeHead(404).end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  own.url = `${tls ? "https://localhost" : "http://127.0.0.1"}:${server.address().port}`;
  own.metadata = {
    issuer: own.url,
    jwks_uri: `${own.url}/jwks`,
    watchword_session_endpoint: `${own.url}/session`,
    watchword_revocations_endpoint: `${own.url}/revocations`,
  };
  own.routes["/.well-known/oauth-authorization-server"] = (...both) => json(own.metadata)(...both);
  own.routes["/jwks"] = (...both) => json({ keys: own.keys.map(({ jwk }) => jwk) })(...both);
  own.token = (more, at) => jwt(own.keys[0], header(own.keys[0]), claims(own.url, at, more));
  return own;
}

/** Clocks that stand still until they are moved. */
export function manualClocks() {
  const at = { steady: 0, wall: Date.now() };
  const advance = (ms) => ((at.steady += ms), (at.wall += ms));
  return { at, advance, steady: () => at.steady, wall: () => at.wall };
}

/** Why a promise was rejected, by its code. */
export async function codeOf(promise) {
  try {
    await promise;
    return "accepted";
  } catch (error) {
    if (error.name !== "Rejection") throw error;
    return error.code;
  }
}

/** Frames of the feed. */
export function frame(type, ...parts) {
  const body = Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : part)));
  const head = Buffer.from([type, 0, 0]);
  head.writeUInt16BE(body.length, 1);
  return Buffer.concat([head, body]);
}

export function u32(number) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(number);
  return bytes;
}

export function u64(number) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(number));
  return bytes;
}

export const idOf = (uuid) => Buffer.from(uuid.replaceAll("-", ""), "hex");
export const sessionFrame = (sid, remaining = 600) => frame(1, u32(remaining), idOf(sid));
export const watermark = (position = "p1", { age = 0, now = Date.now() } = {}) => frame(0x10, u32(age), u64(now), position);

/** Waits until something is so, by asking again and again for at most a minute, which nothing takes on however busy a machine. */
export async function until(isSo, what) {
  for (const end = performance.now() + 60_000; performance.now() < end; ) {
    if (await isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  throw new Error(`it did not become so within a minute: ${what ?? isSo}`);
}
