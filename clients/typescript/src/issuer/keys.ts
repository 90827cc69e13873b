// The issuer's keys: fetched once for everybody, renewed while in use, and not believed for ever.

import type { Clock } from "../clock.js";
import { readKeys, type VerifyingKey } from "../token/key-set.js";
import type { IssuerClient } from "./client.js";

/** What looking for an unknown key came to: the keys are others now; they are so new that it is in none; nobody answers. */
export type Looked = "renewed" | "absent" | "unanswered";

/** Keeps the keys up to date. Nothing runs while nobody asks. */
export class Keys {
  readonly #client: IssuerClient;
  readonly #url: URL;
  readonly #clock: Clock;
  readonly #staleMs: number;
  readonly #warn: (message: string) => void;
  #current: ReadonlyMap<string, VerifyingKey> = new Map();
  #generation = 0;
  #renewals = 0;
  #document: Buffer = Buffer.alloc(0);
  /** When what is in use was asked for. */
  #askedAt = -Infinity;
  /** What was asked for before this is not to be used. */
  #notBefore = -Infinity;
  #dueAt = -Infinity;
  /** Before when there is no use in trying. */
  #retryAt = -Infinity;
  #failures = 0;
  #fetching: Promise<void> | undefined;

  private constructor(client: IssuerClient, url: URL, clock: Clock, staleMs: number, warn: (message: string) => void) {
    [this.#client, this.#url, this.#clock, this.#staleMs, this.#warn] = [client, url, clock, staleMs, warn];
  }

  /** Fetches for the first time. */
  static async first(client: IssuerClient, url: URL, clock: Clock, staleMs: number, warn: (message: string) => void): Promise<Keys> {
    const keys = new Keys(client, url, clock, staleMs, warn);
    await keys.#fetch(clock.elapsed());
    return keys;
  }

  get current(): ReadonlyMap<string, VerifyingKey> {
    return this.#current;
  }

  /** Changes when the keys do: what was verified with others no longer counts. */
  get generation(): number {
    return this.#generation;
  }

  /** How often they were fetched: whoever looked among earlier ones may look again. */
  get renewals(): number {
    return this.#renewals;
  }

  /** Seconds until there is use in trying again. */
  get retryAfter(): number {
    return Math.max(1, Math.ceil((this.#retryAt - this.#clock.elapsed()) / 1_000));
  }

  /** Whether the keys need nothing now. */
  get areCurrent(): boolean {
    return this.#clock.elapsed() < this.#dueAt;
  }

  /**
   * Sees to it that there are keys to check with; false if there are none that may still be believed. Old ones serve while new ones
   * are fetched, but not for ever, and a verifier that was idle for long waits a moment for new ones.
   */
  async ensureUsable(): Promise<boolean> {
    const now = this.#clock.elapsed();
    if (now < this.#dueAt) return true;
    const fetching = this.#begin(now);
    if (!this.#areStale(now)) {
      if (fetching !== undefined && now >= this.#dueAt + OVERDUE_MS) await within(MOMENT_MS, fetching);
      return true;
    }
    await fetching;
    return !this.#areStale(this.#clock.elapsed());
  }

  /**
   * Looks for a key that a token names and that was not among the keys after so many `renewals`. The issuer is asked at most once in
   * five seconds, so that made-up names cost it nothing.
   */
  async lookAgain(renewals: number): Promise<Looked> {
    if (this.#renewals !== renewals) return "renewed";
    const now = this.#clock.elapsed();
    if (now < this.#askedAt + UNKNOWN_KEY_MS) return "absent";
    const fetching = this.#begin(now);
    if (fetching === undefined) return "unanswered";
    await fetching;
    return this.#renewals === renewals ? "unanswered" : "renewed";
  }

  /** For how many milliseconds a key may be used after it was published last: here, and before that by whoever passed it on. */
  get longestUseMs(): number {
    return 2 * this.#staleMs;
  }

  /** Uses these keys no more until they have been fetched anew. */
  distrust(): void {
    [this.#askedAt, this.#dueAt, this.#notBefore] = [-Infinity, -Infinity, this.#clock.elapsed()];
  }

  #areStale(now: number): boolean {
    return now >= this.#askedAt + this.#staleMs;
  }

  /** The one fetch under way, begun now if there is none; `undefined` where that is of no use so soon after a failure. */
  #begin(now: number): Promise<void> | undefined {
    if (this.#fetching === undefined) {
      if (now < this.#retryAt) return undefined;
      this.#fetching = this.#fetch(now)
        .catch((error: unknown) => this.#failed(error as Error))
        .finally(() => (this.#fetching = undefined));
    }
    return this.#fetching;
  }

  async #fetch(now: number): Promise<void> {
    const { body, maxAge } = await this.#client.document(this.#url);
    // The same document again must not cost everybody their verified tokens.
    if (!body.equals(this.#document)) {
      this.#current = readKeys(body);
      this.#generation += 1;
      this.#document = body;
    }
    this.#failures = 0;
    if (now < this.#notBefore) return;
    this.#askedAt = now;
    this.#dueAt = now + Math.min(Math.min(Math.max(maxAge ?? 300, 60), 3_600) * 1_000, this.#staleMs / 2);
    this.#renewals += 1;
  }

  #failed(error: Error): void {
    const wait = Math.min(RETRY_MS * 2 ** Math.min(this.#failures, 6), RETRY_MAX_MS);
    this.#failures += 1;
    this.#retryAt = this.#clock.elapsed() + wait;
    this.#warn(`the issuer's keys could not be renewed: ${error.message}`);
  }
}

/** Waits until something has ended, or for so long. */
async function within(ms: number, ending: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([ending, new Promise((resolve) => (timer = setTimeout(resolve, ms)))]);
  clearTimeout(timer);
}

/** After which keys that ought to have been renewed are worth waiting for; and for how long. */
const OVERDUE_MS = 60_000;
const MOMENT_MS = 500;

/** Within which a name that is not in the keys is known not to be. */
const UNKNOWN_KEY_MS = 5_000;

/** How long to wait after a failure, doubled by each, up to a minute. */
const RETRY_MS = 1_000;
const RETRY_MAX_MS = 60_000;
