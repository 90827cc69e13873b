// Whether one session is live: asked of the issuer, for routes that choose to when nothing else is known.

import type { Clock } from "../clock.js";
import { Rejection, refused, unavailable } from "../rejection.js";
import type { IssuerClient } from "./client.js";

/** What the issuer said of a session. */
interface Kept {
  /** When the issuer read it, by its own clock in unix milliseconds; `undefined` if it is not live. */
  readonly readAt: number | undefined;
  readonly askedAt: number;
}

/** Asks about sessions, about each once for all who wait. */
export class Sessions {
  readonly #client: IssuerClient;
  readonly #url: URL;
  readonly #clock: Clock;
  readonly #knows: (readAt: number) => boolean;
  readonly #kept = new Map<string, Kept>();
  readonly #asking = new Map<string, Promise<Kept>>();
  #quietUntil = -Infinity;

  /** `knows` says whether what the issuer read at a moment is new enough to be believed. */
  constructor(client: IssuerClient, url: URL, clock: Clock, knows: (readAt: number) => boolean) {
    [this.#client, this.#url, this.#clock, this.#knows] = [client, url, clock, knows];
  }

  /** Passes if the session of a token that stands is live. The answer holds for all of its tokens. Throws a `Rejection`. */
  async introspect(token: string, sid: string): Promise<void> {
    const kept = this.#kept.get(sid);
    const { readAt } = kept !== undefined && this.#isFresh(kept) ? kept : await this.#askOnce(token, sid);
    if (readAt === undefined) throw refused("revoked");
  }

  #isFresh({ readAt, askedAt }: Kept): boolean {
    // That it has ended does not become untrue, but the token may have been the reason.
    return readAt === undefined ? this.#clock.elapsed() - askedAt < DEAD_MS : this.#knows(readAt);
  }

  async #askOnce(token: string, sid: string): Promise<Kept> {
    const asking = this.#asking.get(sid);
    // Who has begun to ask before this may be told what was true before this.
    if (asking !== undefined) {
      const kept = await asking;
      if (this.#isFresh(kept)) return kept;
      throw unavailable(1);
    }
    if (this.#asking.size >= QUESTIONS || this.#clock.elapsed() < this.#quietUntil) throw unavailable(1);
    const asked = this.#ask(token);
    this.#asking.set(sid, asked);
    try {
      const kept = await asked;
      if (this.#kept.size >= KEPT) this.#kept.clear();
      this.#kept.set(sid, kept);
      return kept;
    } finally {
      this.#asking.delete(sid);
    }
  }

  async #ask(token: string): Promise<Kept> {
    const askedAt = this.#clock.elapsed();
    try {
      const headers = { authorization: `Bearer ${token}`, accept: "application/json" };
      const { status, body } = await this.#client.get(this.#url, { headers, patienceMs: PATIENCE_MS });
      if (status === 401) return { readAt: undefined, askedAt };
      const readAt: unknown = status === 200 ? (JSON.parse(body.toString()) as { read_at: unknown }).read_at : undefined;
      if (!Number.isSafeInteger(readAt)) throw unavailable(1);
      return { readAt: readAt as number, askedAt };
    } catch (error) {
      // An issuer in trouble is left alone for a moment.
      this.#quietUntil = this.#clock.elapsed() + QUIET_MS;
      throw error instanceof Rejection ? error : unavailable(1);
    }
  }
}

const PATIENCE_MS = 2_000;
const QUIET_MS = 500;
const DEAD_MS = 5_000;

/** How many questions may be under way at a time, and how many answers are kept. */
const QUESTIONS = 32;
const KEPT = 50_000;
