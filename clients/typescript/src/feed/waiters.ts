// Who waits for a session to be withdrawn, so that what it left open, such as a WebSocket, can be closed.

import type { Marks, Revoked } from "./revoked.js";

interface Waiter {
  readonly marks: Marks;
  /** For how long a withdrawal is told at least: for as long as a token that was made then could live. */
  readonly lifeMs: number;
  readonly end: () => void;
}

export class Waiters {
  readonly #revoked: Revoked;
  readonly #all = new Set<Waiter>();
  #isClosed = false;

  constructor(revoked: Revoked) {
    this.#revoked = revoked;
  }

  /** Resolves when it is withdrawn, or nobody can know any more; or when `signal` says that nobody waits. */
  wait(marks: Marks, lifeMs: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      if (this.#isClosed || signal?.aborted || this.#revoked.isRevoked(marks)) return resolve();
      const end = () => {
        this.#all.delete(waiter);
        signal?.removeEventListener("abort", end);
        resolve();
      };
      const waiter = { marks, lifeMs, end };
      this.#all.add(waiter);
      signal?.addEventListener("abort", end);
    });
  }

  /** Something was withdrawn. */
  look(): void {
    for (const { marks, end } of this.#all) if (this.#revoked.isRevoked(marks)) end();
  }

  /** Nothing was heard for so long; what was withdrawn in the first of it may have been forgotten since. */
  knewNothingFor(ms: number): void {
    for (const { lifeMs, end } of this.#all) if (ms >= lifeMs) end();
  }

  close(): void {
    this.#isClosed = true;
    for (const { end } of this.#all) end();
  }
}
