// Whether one session is live: asked of the issuer, for routes that choose to when nothing else is known.

import type { Clock } from "../clock.js";
import { Rejection, refused, unavailable } from "../rejection.js";
import type { IssuerClient } from "./client.js";

/** What the issuer said of a session. */
interface Kept {
  readonly isLive: boolean;
  /** It was read no earlier. */
  readonly askedAt: number;
}

/** Asks about sessions, about each once for all who wait. */
export class Sessions {
  readonly #client: IssuerClient;
  readonly #url: URL;
  readonly #clock: Clock;
  readonly #boundMs: number;
  readonly #kept = new Map<string, Kept>();
  readonly #asking = new Map<string, Promise<Kept>>();
  #quietUntil = -Infinity;

  /** What the issuer says is believed for `boundMs`. */
  constructor(client: IssuerClient, url: URL, clock: Clock, boundMs: number) {
    [this.#client, this.#url, this.#clock, this.#boundMs] = [client, url, clock, boundMs];
  }

  /** Passes if the issuer says that a token stands, whose signature is known to be genuine. Throws a `Rejection`. */
  async introspect(token: string, sid: string): Promise<void> {
    // By its signature: another token of the same session may be by a key that was withdrawn.
    const key = token.slice(token.lastIndexOf("."));
    const kept = this.#kept.get(key);
    const { isLive } = kept !== undefined && this.#isFresh(kept) ? kept : await this.#askOnce(token, sid, key);
    if (!isLive) throw refused("revoked");
  }

  #isFresh({ isLive, askedAt }: Kept): boolean {
    return this.#clock.passed() - askedAt <= (isLive ? this.#boundMs : DEAD_MS);
  }

  async #askOnce(token: string, sid: string, key: string): Promise<Kept> {
    const asking = this.#asking.get(key);
    // Who has begun to ask before this may be told what was true before this.
    if (asking !== undefined) {
      const kept = await asking;
      if (this.#isFresh(kept)) return kept;
      throw unavailable(1);
    }
    if (this.#asking.size >= QUESTIONS || this.#clock.elapsed() < this.#quietUntil) throw unavailable(1);
    const asked = this.#ask(token, sid);
    this.#asking.set(key, asked);
    try {
      const kept = await asked;
      if (this.#kept.size >= KEPT) this.#kept.clear();
      this.#kept.set(key, kept);
      return kept;
    } finally {
      this.#asking.delete(key);
    }
  }

  async #ask(token: string, sid: string): Promise<Kept> {
    const askedAt = this.#clock.passed();
    try {
      const headers = { authorization: `Bearer ${token}`, accept: "application/json" };
      const { status, body } = await this.#client.get(this.#url, { headers, patienceMs: PATIENCE_MS });
      if (status === 401) return { isLive: false, askedAt };
      const isLive = status === 200 && (JSON.parse(body.toString()) as { session_id: unknown }).session_id === sid;
      if (!isLive) throw unavailable(1);
      return { isLive, askedAt };
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
