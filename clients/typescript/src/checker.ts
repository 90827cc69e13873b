// The check itself: remembered or not, a token is admitted only if it is neither expired nor revoked now.

import type { Marks, Revoked } from "./feed/revoked.js";
import type { Keys } from "./issuer/keys.js";
import { Rejection, refused } from "./rejection.js";
import { type Claims, idBytes } from "./token/claims.js";
import { type Expectation, judgeLife, verifyToken } from "./token/verify.js";

/** A token whose signature was checked. */
interface Entry {
  readonly claims: Claims;
  readonly marks: Marks;
  readonly generation: number;
}

export class Checker {
  readonly #expect: Expectation;
  readonly #keys: Keys;
  readonly #revoked: Revoked;
  readonly #capacity: number;
  /** Those that were verified or used last, and those before them, which give way next. */
  #young = new Map<string, Entry>();
  #old = new Map<string, Entry>();

  constructor(expect: Expectation, keys: Keys, revoked: Revoked, capacity: number) {
    [this.#expect, this.#keys, this.#revoked, this.#capacity] = [expect, keys, revoked, capacity];
  }

  /**
   * The claims of a token at a moment in unix milliseconds. The signature of a token seen before is not checked again; its times and
   * its revocation always are. Throws a `Rejection`.
   */
  check(token: string, now: number): Claims {
    const entry = this.#remembered(token) ?? this.#verify(token, now);
    try {
      this.#judge(entry, now);
    } catch (error) {
      this.#young.delete(token);
      throw error;
    }
    return entry.claims;
  }

  #remembered(token: string): Entry | undefined {
    const young = this.#young.get(token);
    const entry = young ?? this.#old.get(token);
    if (entry === undefined || entry.generation !== this.#keys.generation) return undefined;
    if (young === undefined) this.#remember(token, entry);
    return entry;
  }

  #verify(token: string, now: number): Entry {
    const { claims, kid } = verifyToken(token, this.#keys.current, this.#expect);
    const entry = { claims, marks: marksOf(claims, kid), generation: this.#keys.generation };
    this.#judge(entry, now);
    this.#remember(token, entry);
    return entry;
  }

  #remember(token: string, entry: Entry): void {
    if (this.#young.size >= this.#capacity / 2) [this.#old, this.#young] = [this.#young, new Map()];
    this.#young.set(token, entry);
  }

  /** What is asked on every check. */
  #judge({ claims, marks }: Entry, now: number): void {
    // A clock that stepped back must not revive what the set has dropped as expired.
    judgeLife(claims, this.#expect.leewaySeconds, Math.max(now, this.#revoked.horizon));
    if (this.#revoked.isRevoked(marks)) throw refused("revoked");
  }
}

/** By what a token can be revoked; without the name of its key, its session. */
export function marksOf(claims: Claims, kid?: string): Marks {
  return {
    sid: idBytes(claims.sid) ?? "",
    user: idBytes(claims.sub),
    uep: claims.uep,
    rat: claims.rat,
    kid,
    clientId: claims.client_id,
  };
}

/** Whether a token was refused because no key has the name that it gives. */
export function isOfUnknownKey(error: unknown): boolean {
  return error instanceof Rejection && error.code === "unknown_key";
}
