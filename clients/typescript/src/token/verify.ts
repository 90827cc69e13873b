// Verifying an access token, in the only order in which nothing is believed before it is checked.

import { refused } from "../rejection.js";
import { decodeBase64url } from "./base64url.js";
import { type Claims, readClaims } from "./claims.js";
import type { VerifyingKey } from "./key-set.js";
import { HEADER, members } from "./shape.js";

/** What is demanded of a token. */
export interface Expectation {
  readonly issuer: string;
  readonly audience: string;
  /** By how many seconds clocks may differ. */
  readonly leewaySeconds: number;
}

/** A token whose signature and claims are in order. Its times are judged by {@link judgeLife}. */
export interface Verified {
  readonly claims: Claims;
  readonly kid: string;
}

/**
 * Size → segments and encoding → header → key by `kid` → algorithm → signature → claims → `typ`, `iss`, `aud`. Throws a
 * `Rejection`.
 */
export function verifyToken(token: string, keys: ReadonlyMap<string, VerifyingKey>, expect: Expectation): Verified {
  if (token.length > MAX_TOKEN_BYTES) throw refused("too_long");
  const segments = token.split(".", 4);
  const [header, payload, signature] = segments as [string, string, string];
  if (segments.length !== 3 || header === "" || signature === "") throw refused("segments");
  const { alg, typ, kid } = readHeader(header);
  const [signedPayload, signatureBytes] = [decodeBase64url(payload), decodeBase64url(signature)];
  if (signedPayload === undefined || signatureBytes === undefined) throw refused("encoding");
  if (!ALGORITHMS.includes(alg)) throw refused("algorithm");
  const key = kid === undefined ? undefined : keys.get(kid);
  if (key === undefined) throw refused("unknown_key");
  // The key says what it signs with; the header may only agree.
  if (key.algorithm !== alg) throw refused("algorithm_mismatch");
  if (!key.accepts(`${header}.${payload}`, signatureBytes)) throw refused("signature");
  const claims = readClaims(signedPayload);
  if (typ === undefined || !TYPE.test(typ)) throw refused("type");
  if (claims.iss !== expect.issuer) throw refused("issuer");
  if (!claims.aud.includes(expect.audience)) throw refused("audience");
  return { claims, kid: key.kid };
}

/** Judges the times of a token at a moment in unix milliseconds. Throws a `Rejection`. */
export function judgeLife({ exp, nbf = -Infinity, iat, rat }: Claims, leewaySeconds: number, now: number): void {
  const leeway = leewaySeconds * 1_000;
  if (now >= exp * 1_000 + leeway) throw refused("expired");
  if (now < Math.max(nbf * 1_000, iat * 1_000, rat) - leeway) throw refused("not_yet_valid");
}

/**
 * The whole of what a header may say is `alg`, `typ` and `kid`, as strings. `crit`, `jwk`, `jku`, `x5*`, `b64`, `zip`, `cty` and all
 * else are refused, so that no header can ever ask for anything.
 */
function readHeader(segment: string): { alg: string; typ?: string; kid?: string } {
  if (segment.length > Math.ceil((MAX_HEADER_BYTES * 4) / 3)) throw refused("header");
  const json = decodeBase64url(segment);
  if (json === undefined) throw refused("encoding");
  const written = members(json, HEADER);
  if (written === undefined || !written.has("alg")) throw refused("header");
  const header: Record<string, string> = {};
  for (const [name, text] of written) {
    const value: unknown = JSON.parse(text);
    if (!HEADER_MEMBERS.includes(name) || typeof value !== "string") throw refused("header");
    header[name] = value;
  }
  return header as { alg: string };
}

const HEADER_MEMBERS = ["alg", "typ", "kid"];

/** HS256 is known, so that a token that names it is told what is wrong; no key here has it. */
const ALGORITHMS = ["EdDSA", "ES256", "RS256", "HS256"];

/** Media types compare without case, and `application/` may be left out (RFC 7515 §4.1.9). */
const TYPE = /^(?:application\/)?at\+jwt$/i;

const MAX_TOKEN_BYTES = 8 * 1024;
const MAX_HEADER_BYTES = 1024;
