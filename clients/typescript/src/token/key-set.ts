// The issuer's public keys, each bound to one algorithm by everything it says about itself (RFC 7517).

import { createPublicKey, type KeyObject, verify } from "node:crypto";

import { decodeBase64url } from "./base64url.js";
import { KEYS, members, parsed } from "./shape.js";

/** What a key may sign with here. HS256 is none of them: a secret that is published is no secret. */
export type Algorithm = "EdDSA" | "ES256" | "RS256";

/** Why a document with keys is refused as a whole. */
export class KeysRefused extends Error {
  override readonly name = "KeysRefused";
}

/** A key that checks signatures of exactly one algorithm. */
export class VerifyingKey {
  constructor(
    readonly kid: string,
    readonly algorithm: Algorithm,
    readonly key: KeyObject,
  ) {}

  /** Whether the signature is this key's. */
  accepts(signed: string, signature: Uint8Array): boolean {
    const data = Buffer.from(signed);
    switch (this.algorithm) {
      case "EdDSA":
        return signature.length === 64 && verify(null, data, this.key, signature);
      case "ES256":
        return signature.length === 64 && verify("sha256", data, { key: this.key, dsaEncoding: "ieee-p1363" }, signature);
      case "RS256":
        return verify("sha256", data, this.key, signature);
    }
  }
}

/**
 * Reads a JWKS. Keys that are not for checking access tokens are skipped: unknown types, curves and algorithms, other uses, keys
 * without `kid`, and secrets. A key that ought to be usable but is unfit or malformed, or that shows private members, refuses the
 * document, and so do a `kid` used twice and a document without a key that is usable.
 */
export function readKeys(json: Uint8Array): Map<string, VerifyingKey> {
  const document = members(json, KEYS) && parsed(json);
  if (document === undefined || !Array.isArray(document["keys"])) throw new KeysRefused("not a well-formed JWKS");
  const keys = new Map<string, VerifyingKey>();
  for (const jwk of document["keys"] as unknown[]) {
    if (typeof jwk !== "object" || jwk === null || Array.isArray(jwk)) throw new KeysRefused("not a well-formed JWKS");
    const key = usable(jwk as Record<string, unknown>);
    if (key === undefined) continue;
    if (keys.has(key.kid)) throw new KeysRefused("two keys have the same kid");
    keys.set(key.kid, key);
  }
  if (keys.size === 0) {
    throw new KeysRefused("no key that checks tokens; with algorithm HS256 there is only the shared secret: choose EdDSA, ES256 or RS256");
  }
  return keys;
}

/** The key if it is one for checking access tokens, `undefined` if it is for something else. */
function usable(jwk: Record<string, unknown>): VerifyingKey | undefined {
  const kty = text(jwk, "kty");
  if (kty === undefined) throw new KeysRefused("a key without kty");
  if (kty === "oct") return undefined;
  if (PRIVATE.some((name) => name in jwk)) throw new KeysRefused("a key comes with its private members, so anybody may sign with it");
  const algorithm = algorithmOf(kty, text(jwk, "crv"));
  const [kid, alg, use, operations] = [text(jwk, "kid"), text(jwk, "alg"), text(jwk, "use"), jwk["key_ops"]];
  if (operations !== undefined && !Array.isArray(operations)) throw new KeysRefused("key_ops is no array");
  const isForUs = (alg ?? algorithm) === algorithm && (use ?? "sig") === "sig" && (operations?.includes("verify") ?? true);
  if (algorithm === undefined || kid === undefined || !isForUs) return undefined;
  return new VerifyingKey(kid, algorithm, material(jwk, algorithm));
}

function algorithmOf(kty: string, crv: string | undefined): Algorithm | undefined {
  if (kty === "RSA") return "RS256";
  if (kty === "OKP" && crv === "Ed25519") return "EdDSA";
  if (kty === "EC" && crv === "P-256") return "ES256";
  return undefined;
}

/** The key itself, without anything else that the JWK says. */
function material(jwk: Record<string, unknown>, algorithm: Algorithm): KeyObject {
  const bare = { kty: jwk["kty"] as string, ...(algorithm !== "RS256" && { crv: jwk["crv"] as string }) };
  const numbers: Record<string, string> = {};
  for (const name of algorithm === "RS256" ? ["n", "e"] : algorithm === "ES256" ? ["x", "y"] : ["x"]) {
    const bytes = decodeBase64url(text(jwk, name) ?? "");
    if (bytes === undefined || bytes.length === 0) throw new KeysRefused("a key is malformed");
    if (algorithm !== "RS256" && bytes.length !== 32) throw UNFIT;
    numbers[name] = bytes.toString("base64url");
  }
  try {
    const key = createPublicKey({ key: { ...bare, ...numbers }, format: "jwk" });
    if (algorithm === "RS256" && !isFit(key, Buffer.from(numbers["n"] ?? "", "base64url"))) throw UNFIT;
    return key;
  } catch {
    throw UNFIT;
  }
}

/** 2048–8192 bits, odd, exponent odd and above one and of four bytes at most, and not from the generator of CVE-2017-15361. */
function isFit(key: KeyObject, modulus: Buffer): boolean {
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
  const isOdd = (modulus.at(-1) ?? 0) % 2 === 1 && publicExponent % 2n === 1n;
  const isExponent = publicExponent > 1n && publicExponent < 2n ** 32n;
  return modulusLength >= 2048 && modulusLength <= 8192 && isOdd && isExponent && !isRoca(modulus);
}

/** Whether the modulus is a power of 65537 modulo every small prime, the fingerprint of that generator. */
function isRoca(modulus: Buffer): boolean {
  return SMALL_PRIMES.every((prime) => {
    const residue = modulus.reduce((rest, byte) => (rest * 256 + byte) % prime, 0);
    let power = 1;
    for (let at = 1; at < prime; at += 1) {
      if (power === residue) return true;
      power = (power * 65_537) % prime;
    }
    return false;
  });
}

function text(jwk: Record<string, unknown>, name: string): string | undefined {
  const value = jwk[name];
  if (value !== undefined && typeof value !== "string") throw new KeysRefused(`${name} of a key is no string`);
  return value;
}

/** Members that only the owner may know (RFC 7518 §6.2.2, §6.3.2). */
const PRIVATE = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

const UNFIT = new KeysRefused("a key is unfit: too small, too large, off its curve, or from a flawed generator");

const SMALL_PRIMES = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131,
  137, 139, 149, 151, 157, 163, 167,
];
