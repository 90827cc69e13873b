// The verifier for applications: it knows where keys come from, and what has been withdrawn.

import { Authenticated } from "./authenticated.js";
import { Checker, isOfUnknownKey, marksOf } from "./checker.js";
import { connected, type Options } from "./connect.js";
import type { Following } from "./feed/following.js";
import type { View } from "./feed/freshness.js";
import type { IssuerClient } from "./issuer/client.js";
import type { Keys } from "./issuer/keys.js";
import type { Sessions } from "./issuer/sessions.js";
import { judge, type Policy, type WhenStale } from "./policy.js";
import { bearerToken } from "./presented.js";
import { stale, unavailable } from "./rejection.js";
import type { Claims } from "./token/claims.js";
import type { Clock } from "./clock.js";

/** What a verifier is made of. */
export interface Parts {
  readonly issuer: string;
  readonly client: IssuerClient;
  readonly clock: Clock;
  readonly keys: Keys;
  readonly checker: Checker;
  readonly following: Following | undefined;
  readonly sessions: Sessions | undefined;
  readonly leewaySeconds: number;
  readonly warn: (message: string) => void;
}

/**
 * Verifies the access tokens of one issuer's users. Make one, at the start, for the whole process.
 *
 * It fetches the issuer's keys once for everybody and renews them while in use. With `follow` it learns within milliseconds what was
 * withdrawn, and accepts nothing for longer than the bound after it was withdrawn. All else is answered from memory.
 */
export class Verifier {
  readonly #parts: Parts;
  #admittedStale = 0;

  private constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * Begins to trust an issuer: the URL that its server has as `public_url`. Resolves when it is ready to verify; rejects with a
   * `ConnectError` if it cannot be used, and with a `FetchError` if it does not answer for `retryForMs`.
   */
  static async fromIssuer(url: string, options: Options = {}): Promise<Verifier> {
    return new Verifier(await connected(url, options));
  }

  /** The issuer that is trusted. */
  get issuer(): string {
    return this.#parts.issuer;
  }

  /** Verifies an access token. No call, unless the keys have to be renewed. Rejects with a `Rejection`. */
  async verify(token: string, { whenStale = "fresh" }: { whenStale?: WhenStale } = {}): Promise<Claims> {
    const { keys, following } = this.#parts;
    if (!keys.areCurrent && !(await keys.ensureUsable())) throw unavailable(keys.retryAfter);
    const renewals = keys.renewals;
    let verified;
    try {
      verified = this.#check(token);
    } catch (error) {
      if (!isOfUnknownKey(error)) throw error;
      const looked = await keys.lookAgain(renewals);
      if (looked === "absent") throw error;
      if (looked === "unanswered") throw unavailable(keys.retryAfter);
      verified = this.#check(token);
    }
    const { claims, view } = verified;
    const isEnough = following === undefined || (view !== undefined && following.isEnough(view, claims.rat));
    if (!isEnough) await this.#admitStale(token, claims, whenStale);
    return claims;
  }

  /**
   * Who sent a request, by the values of its Authorization headers, and whether they meet the demands of a route. `undefined` only
   * where the policy lets in anybody. Rejects with a `Rejection`.
   */
  async authenticate(authorization: readonly string[], policy: Policy = {}): Promise<Authenticated | undefined> {
    const token = bearerToken(authorization, policy.optional ?? false);
    if (token === undefined) return undefined;
    const who = new Authenticated(await this.verify(token, policy));
    const now = this.#parts.following?.view()?.now ?? this.#parts.clock.now();
    judge(who, policy, now, this.#parts.leewaySeconds);
    return who;
  }

  /**
   * How many milliseconds ago the latest moment is up to which it is known what was withdrawn. `undefined` when the revocations are
   * not followed. For an application's health: above the bound, clients are told to refresh.
   */
  age(): number | undefined {
    return this.#parts.following?.view()?.age;
  }

  /** How many tokens were accepted although too little was known, on routes that chose `until_exp`. */
  get admittedStale(): number {
    return this.#admittedStale;
  }

  /**
   * Resolves when the session of a token is withdrawn, so that what it left open, such as a WebSocket, can be closed; also when the
   * issuer was silent for so long that it cannot be known any more, and when the verifier is closed. Only while following; else it
   * never does. `signal` ends the waiting.
   */
  untilWithdrawn(claims: Claims, { signal }: { signal?: AbortSignal } = {}): Promise<void> {
    const { following } = this.#parts;
    if (following === undefined) return new Promise(() => {});
    const { kid: _, ...session } = marksOf(claims);
    return following.waiters.wait({ ...session, kid: undefined }, (claims.exp - claims.iat) * 1_000, signal);
  }

  /** Stops following the issuer and closes all connections. What is verified after that is refused once the bound has passed. */
  close(): void {
    this.#parts.following?.close();
    this.#parts.client.close();
  }

  /** The claims, and how much was known when its withdrawal was looked for. */
  #check(token: string): { claims: Claims; view: View | undefined } {
    const { checker, clock, following } = this.#parts;
    const view = following?.view();
    return { claims: checker.check(token, view?.now ?? clock.now()), view };
  }

  /** What becomes of a token that stands as far as is known, when too little is known. */
  async #admitStale(token: string, claims: Claims, whenStale: WhenStale): Promise<void> {
    switch (whenStale) {
      case "until_exp":
        if (this.#admittedStale % LOG_EVERY === 0) this.#parts.warn("tokens are accepted although it is not known what was withdrawn");
        this.#admittedStale += 1;
        return;
      case "introspect":
        if (this.#parts.sessions === undefined) throw unavailable(1);
        return this.#parts.sessions.introspect(token, claims.sid);
      case "deny":
        throw unavailable(1);
      default:
        throw stale();
    }
  }
}

/** One in so many tokens that are accepted although too little is known is logged. */
const LOG_EVERY = 1_000;
