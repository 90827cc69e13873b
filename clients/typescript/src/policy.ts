// What a route demands of who is asking, beyond a token that stands.

import type { Authenticated } from "./authenticated.js";
import { unmet } from "./rejection.js";

/**
 * What becomes of a token that stands, as far as is known, when the issuer has not told for longer than the bound what was withdrawn:
 *
 * - `fresh`: 401 `stale`. The client refreshes, and the new token proves by itself that its session was live a moment ago.
 * - `deny`: 503, until the issuer tells again.
 * - `introspect`: the issuer is asked about this one session; 503 if it does not answer.
 * - `until_exp`: it is accepted until it expires, for minutes after a logout. Counted and logged.
 */
export type WhenStale = "fresh" | "deny" | "introspect" | "until_exp";

/** The demands of a route. Without any, whoever shows a token that stands may come in. */
export interface Policy {
  /** Roles of which the user must have each. */
  readonly roles?: readonly string[];
  /** Roles of which the user must have one. */
  readonly anyRole?: readonly string[];
  /** Scopes of which the client must have been granted each. */
  readonly scopes?: readonly string[];
  /** The user must have proved who they are so lately. A refresh proves nothing. */
  readonly authenticatedWithinSeconds?: number;
  /** What happens while too little is known of what was withdrawn. Else `fresh`. */
  readonly whenStale?: WhenStale;
  /** Lets in requests without a token too. One that does not stand is still refused, so that its client refreshes. */
  readonly optional?: boolean;
}

/** Judges somebody at a moment in unix milliseconds. Throws a `Rejection`. */
export function judge(who: Authenticated, policy: Policy, now: number, leewaySeconds: number): void {
  const { roles = [], anyRole, scopes = [], authenticatedWithinSeconds: within } = policy;
  for (const role of roles) if (!who.hasRole(role)) throw unmet({ role: [role] });
  if (anyRole !== undefined && !anyRole.some((role) => who.hasRole(role))) throw unmet({ role: anyRole });
  if (!scopes.every((scope) => who.hasScope(scope))) throw unmet({ scope: scopes });
  if (within === undefined) return;
  const { auth_time: at } = who.claims;
  const isLate = at === undefined || now - at * 1_000 > (within + leewaySeconds) * 1_000;
  if (isLate) throw unmet({ authenticatedWithinSeconds: within });
}
