// Who is asking, once a token has been checked.

import type { Claims } from "./token/claims.js";

/** Somebody whose token stands. */
export class Authenticated {
  constructor(
    /** All that the token says. */
    readonly claims: Claims,
  ) {}

  /** Whom it speaks for: a user's id, which is stable and never reused, or the id of a client that acts for itself. */
  get subject(): string {
    return this.claims.sub;
  }

  /** The name that the user goes by, for greeting; else the subject. Names change: do not decide by them. */
  get username(): string {
    return this.claims.preferred_username ?? this.claims.sub;
  }

  /** Whether the user has a role. */
  hasRole(role: string): boolean {
    return this.claims.roles.includes(role);
  }

  /** Whether the client was granted a scope. */
  hasScope(scope: string): boolean {
    return scope !== "" && this.claims.scope.split(" ").includes(scope);
  }
}
