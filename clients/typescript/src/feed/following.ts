// Following the issuer's revocations: questions, which prove how much is known, and beside them a stream, which is quick.

import type { Clock } from "../clock.js";
import { FetchError, type Incoming, type IssuerClient } from "../issuer/client.js";
import { ConnectError } from "../issuer/discover.js";
import type { Keys } from "../issuer/keys.js";
import { Pause, rest } from "../pause.js";
import { type Entry, Frames, lastWatermark, type Watermark } from "./frames.js";
import { ageOf, Freshness, type View } from "./freshness.js";
import type { Revoked } from "./revoked.js";
import { Waiters } from "./waiters.js";

/** Whom to follow, as whom, and how closely. */
export interface Follower {
  readonly endpoint: URL;
  readonly credential: string;
  readonly name: string | undefined;
  readonly boundMs: number;
  /** Whose withdrawal is heard of. */
  readonly keys: Keys;
}

/** What has come in: whether all of it was understood and something of it was new, and how many entries it had. */
interface Applied {
  isWhole: boolean;
  isNew: boolean;
  entries: number;
}

export class Following {
  readonly waiters: Waiters;
  readonly #client: IssuerClient;
  readonly #follower: Follower;
  readonly #clock: Clock;
  readonly #revoked: Revoked;
  readonly #warn: (message: string) => void;
  readonly #freshness = new Freshness();
  readonly #end = new AbortController();
  #position: string | undefined;
  #stream: { incoming: Incoming; entries: number } | undefined;
  #isHeldBack = false;
  #isTroubled = false;
  /** Ends the rest between two questions. */
  #wake = new AbortController();
  #soon: NodeJS.Timeout | undefined;

  constructor(client: IssuerClient, follower: Follower, clock: Clock, revoked: Revoked, warn: (message: string) => void) {
    [this.#client, this.#follower, this.#clock, this.#revoked, this.#warn] = [client, follower, clock, revoked, warn];
    this.waiters = new Waiters(revoked);
  }

  /** Learns everything, and goes on learning. Nothing may be accepted before this resolves. */
  async begin(): Promise<void> {
    await this.#ask({ waitMs: 0, isBackground: false });
    void this.#askOn();
    void this.#listenOn();
  }

  /** How things stand. To be read before it is looked what has been withdrawn. */
  view(): View | undefined {
    return this.#freshness.at(this.#clock.passed());
  }

  /** Whether enough is known to judge a credential that was read at `rat`. */
  isEnough(view: View, rat: number): boolean {
    return ageOf(view, rat) <= this.#follower.boundMs;
  }

  /** Stops following; from then on knowledge only ages. */
  close(): void {
    this.#end.abort();
    this.#wake.abort();
    clearTimeout(this.#soon);
    this.waiters.close();
    this.#client.close();
  }

  /** How often to ask, in milliseconds. */
  get #pace(): number {
    return Math.max(10, this.#follower.boundMs / 3);
  }

  /** How long an answer may take: one that takes longer proves less than the next one could. The first has more to bring. */
  get #patience(): number {
    return this.#position === undefined ? PATIENCE_MS : Math.min(PATIENCE_MS, Math.max(LEAST_PATIENCE_MS, this.#pace));
  }

  /** Asks what is new; for up to `waitMs` the answer may be held back. Whether anything in it was new. */
  async #ask({ waitMs, isBackground = true }: { waitMs: number; isBackground?: boolean }): Promise<boolean> {
    const asked = this.#clock.passed();
    const [stream, patienceMs] = [this.#stream, this.#patience + waitMs];
    const entries = stream?.entries;
    const incoming = await this.#open("", waitMs, patienceMs, isBackground);
    const bytes = await incoming.whole(patienceMs, MAX_BYTES, this.#position === undefined ? LONGEST_MS : patienceMs);
    const watermark = lastWatermark(bytes);
    if (watermark === undefined) throw new FetchError("the answer was cut off");
    const frames = new Frames();
    frames.push(bytes);
    const { isWhole, isNew } = await this.#applyAll(frames, watermark.now);
    if (!isWhole) throw new ConnectError("the issuer tells of something that this version does not know; renew this package");
    this.#learn(asked, watermark);
    if (isNew && stream !== undefined && entries === stream.entries) this.#expectOnStream(stream, entries);
    return isNew;
  }

  #learn(asked: number, watermark: Watermark): void {
    const before = this.view();
    // One of them may have been withdrawn meanwhile, and that forgotten: before it is known again. Not while the silence goes on
    // behind a relay: keys that are fetched then are as doubtful.
    if (before !== undefined && before.age > SHORTEST_LIFE_MS && watermark.age <= SHORTEST_LIFE_MS) this.#follower.keys.distrust();
    this.#freshness.learn(asked, watermark);
    this.#revoked.expire(this.view()?.now ?? watermark.now);
    // What was withdrawn meanwhile may not matter any more, and so not be told any more.
    if (before !== undefined) this.waiters.knewNothingFor(before.age);
  }

  /** What a question has brought, a stream that is worth something brings within a second. */
  #expectOnStream(stream: { incoming: Incoming; entries: number }, entries: number | undefined): void {
    setTimeout(() => {
      if (this.#stream !== stream || stream.entries !== entries) return;
      this.#isHeldBack = true;
      stream.incoming.close();
    }, STREAM_LAG_MS).unref();
  }

  /** Listens to one stream until it ends; whether it said anything. */
  async #listen(): Promise<boolean> {
    const incoming = await this.#open("/stream", 0, QUIET_MS, true);
    const [frames, stream] = [new Frames(), { incoming, isWhole: true, isNew: false, entries: 0 }];
    let hasSpoken = false;
    this.#stream = stream;
    try {
      await incoming.read(QUIET_MS, (part) => {
        hasSpoken = true;
        frames.push(part);
        const before = stream.entries;
        this.#apply(frames, this.view()?.now ?? 0, stream);
        if (stream.entries > before) this.#askSoon();
      });
    } catch {
      // What it said counts. That it ended so is no news.
    } finally {
      this.#stream = undefined;
    }
    return hasSpoken;
  }

  /** Heeds a whole answer, of which there may be so much that others want their turn meanwhile. */
  async #applyAll(frames: Frames, now: number): Promise<Applied> {
    const applied = { isWhole: true, isNew: false, entries: 0 };
    for (;;) {
      this.#apply(frames, now, applied, AT_ONCE);
      if (frames.isBetween()) return applied;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /**
   * Heeds what has come in, by the issuer's clock. It goes on from a watermark only as long as everything before it was understood, so
   * that what was not comes again.
   */
  #apply(frames: Frames, now: number, applied: Applied, most = Infinity): void {
    const before = applied.entries;
    for (let count = 0; count < most; count += 1) {
      const frame = frames.next();
      if (frame === undefined) break;
      if (frame.type === "unknown") applied.isWhole = false;
      else if (frame.type === "watermark") this.#position = applied.isWhole ? frame.position : this.#position;
      else if (frame.type !== "end") {
        applied.isNew = this.#revoked.insert(this.#outlivingKeys(frame), now) || applied.isNew;
        applied.entries += 1;
      }
    }
    if (applied.entries > before) this.waiters.look();
  }

  /** An entry about a key matters for as long as keys are used that were fetched before it was heard. */
  #outlivingKeys(entry: Entry): Entry {
    if (entry.type !== "key") return entry;
    return { ...entry, remaining: Math.max(entry.remaining, Math.ceil(this.#follower.keys.longestUseMs / 1_000)) };
  }

  async #open(suffix: string, waitMs: number, patienceMs: number, isBackground: boolean): Promise<Incoming> {
    const { endpoint, credential, name } = this.#follower;
    const url = new URL(endpoint);
    url.pathname += suffix;
    // No cache on the way may answer for the issuer.
    url.searchParams.set("fresh", Math.random().toString(36).slice(2));
    if (suffix === "") url.searchParams.set("wait", String(Math.floor(waitMs)));
    const bound = Math.floor(this.#follower.boundMs);
    if (bound !== USUAL_BOUND_MS) url.searchParams.set("bound", String(bound));
    if (name !== undefined) url.searchParams.set("name", name);
    if (this.#position !== undefined) url.searchParams.set("position", this.#position);
    const headers = { authorization: `Bearer ${credential}` };
    const incoming = await this.#client.open(url, { headers, patienceMs, isBackground, signal: this.#end.signal });
    return incoming.ok();
  }

  /** Asks every third of the bound, and soon after news, which tells the issuer that they have arrived. */
  async #askOn(): Promise<void> {
    const pause = new Pause();
    while (!this.#end.signal.aborted) {
      await rest(await this.#askAgain(pause, 0, () => this.#pace), this.#wake.signal);
      if (!this.#end.signal.aborted) this.#wake = new AbortController();
    }
  }

  /** Listens, or asks with `wait` where something on the way holds streams back. */
  async #listenOn(): Promise<void> {
    const pause = new Pause();
    let silent = 0;
    while (!this.#end.signal.aborted) {
      if (silent >= SILENT_STREAMS || this.#isHeldBack) {
        await this.#askWaiting();
        [silent, this.#isHeldBack] = [0, false];
      }
      const hasSpoken = await this.#listen().catch(spokenBy);
      // Where there is nobody, that says nothing about streams.
      if (hasSpoken !== undefined) silent = hasSpoken ? 0 : silent + 1;
      if (hasSpoken) pause.reset();
      await rest(pause.next(this.#pace), this.#end.signal);
    }
  }

  /** Questions that wait are as quick as a stream; they only cost more. */
  async #askWaiting(): Promise<void> {
    const [pause, until] = [new Pause(), this.#clock.passed() + WITHOUT_STREAM_MS];
    const waitMs = Math.min(this.#pace, LONGEST_WAIT_MS);
    while (!this.#end.signal.aborted && this.#clock.passed() < until) {
      const begun = this.#clock.passed();
      const restAfter = (isNew: boolean) => {
        // Of two relays under one name each answers with everything, at once, to a position of the other.
        const left = Math.max(0, waitMs - (this.#clock.passed() - begun));
        return isNew ? Math.min(SOON_MS, left) : left;
      };
      await rest(await this.#askAgain(pause, waitMs, restAfter), this.#end.signal);
    }
  }

  /** Asks; how long to rest then, which `restAfter` an answer says. */
  async #askAgain(pause: Pause, waitMs: number, restAfter: (isNew: boolean) => number): Promise<number> {
    try {
      const isNew = await this.#ask({ waitMs });
      pause.reset();
      if (this.#isTroubled) this.#warn("the issuer tells of revocations again");
      this.#isTroubled = false;
      return restAfter(isNew);
    } catch (error) {
      if (!this.#isTroubled && !this.#end.signal.aborted) this.#warn(`the revocations cannot be asked for: ${(error as Error).message}`);
      this.#isTroubled = true;
      const demanded = error instanceof FetchError ? Math.min(error.retryAfterMs ?? 0, MOST_DEMANDED_MS) : 0;
      return Math.max(pause.next(this.#pace), demanded);
    }
  }

  #askSoon(): void {
    this.#soon ??= setTimeout(() => {
      this.#soon = undefined;
      this.#wake.abort();
    }, SOON_MS).unref();
  }
}

/** Why a stream did not begin, as what it said: nothing, if there was an answer, and not that the issuer is not ready; else no word on streams. */
function spokenBy(error: unknown): false | undefined {
  const status = error instanceof FetchError ? error.status : undefined;
  return status === undefined || status === 503 ? undefined : false;
}

/** How long an answer may be silent at most, and a stream, which speaks once a second. */
const PATIENCE_MS = 5_000;
const LEAST_PATIENCE_MS = 250;
const QUIET_MS = 3_000;

/** How soon news on a stream is acknowledged: within 50 ms, question and all. */
const SOON_MS = 30;

/** By how much a stream may be behind the questions. */
const STREAM_LAG_MS = 1_000;

/** The longest answer, in bytes: some three million entries. And how long it may take in all. */
const MAX_BYTES = 64 * 2 ** 20;
const LONGEST_MS = 60_000;

/** How many frames are heeded before others have their turn. */
const AT_ONCE = 5_000;

/** After how many streams in a row that said nothing to go on without one, for how long, and how long an issuer holds an answer then. */
const SILENT_STREAMS = 3;
const WITHOUT_STREAM_MS = 5 * 60_000;
const LONGEST_WAIT_MS = 25_000;

/** The longest `Retry-After` that is heeded. */
const MOST_DEMANDED_MS = 60_000;

/** The bound of whoever does not say. */
const USUAL_BOUND_MS = 5_000;

/** An entry is told of for at least so long: the longest life of an access token. */
const SHORTEST_LIFE_MS = 900_000;
