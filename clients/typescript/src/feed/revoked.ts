// The revoked set: what has been told to be forgotten, asked on every check.
//
// Entries merge by maximum, so neither order nor repetition matters. Memory is bounded: what does not fit raises a floor that refuses
// more than was asked for. Nothing is ever dropped before its time.

import type { Entry } from "./frames.js";

/** By what a credential can be revoked. Ids are their sixteen bytes, a character each. */
export interface Marks {
  readonly sid: string;
  /** The user, if it speaks for one. */
  readonly user: string | undefined;
  readonly uep: number;
  readonly rat: number;
  /** The key that signed it. */
  readonly kid: string | undefined;
  readonly clientId: string | undefined;
}

export class Revoked {
  /** Until when each matters, in unix milliseconds. */
  readonly #sessions = new Map<string, number>();
  readonly #epochs = new Map<string, { lowest: number; until: number }>();
  readonly #keys = new Map<string, { readUntil: number; until: number }>();
  readonly #clients = new Map<string, { readUntil: number; until: number }>();
  readonly #capacity: number;
  readonly #leeway: number;
  #floor = -Infinity;
  #floorUntil = -Infinity;
  #horizon = -Infinity;
  readonly #sweeps = [
    new Sweep(this.#sessions, (until) => until),
    new Sweep(this.#epochs, ({ until }) => until),
    new Sweep(this.#keys, ({ until }) => until),
    new Sweep(this.#clients, ({ until }) => until),
  ];

  constructor(capacity: number, leewaySeconds: number) {
    this.#capacity = capacity;
    this.#leeway = leewaySeconds * 1_000;
  }

  /**
   * Heeds an entry that was heard at `now` by the issuer's clock; whether something is known by it that was not.
   *
   * When the set is full, a session or a user is not stored. Instead everything read up to now is refused: its holders refresh, those
   * that were to be stopped cannot. A dead key beyond the limit refuses everything, because its thief can sign any time.
   */
  insert(entry: Entry, now: number): boolean {
    const until = now + entry.remaining * 1_000;
    const hasRoom = this.#sessions.size + this.#epochs.size < this.#capacity;
    switch (entry.type) {
      case "session": {
        const known = this.#sessions.get(entry.sid);
        if (known === undefined && !hasRoom) return this.#passOver(now, until);
        this.#sessions.set(entry.sid, Math.max(known ?? until, until));
        return known === undefined;
      }
      case "epoch": {
        // Epochs of tokens are exact numbers, so that one beyond those is higher than any.
        const lowest = entry.epoch > BigInt(Number.MAX_SAFE_INTEGER) ? Infinity : Number(entry.epoch);
        const known = this.#epochs.get(entry.user);
        if (known === undefined && !hasRoom) return this.#passOver(now, until);
        const merged = { lowest: Math.max(known?.lowest ?? 0, lowest), until: Math.max(known?.until ?? until, until) };
        this.#epochs.set(entry.user, merged);
        return merged.lowest !== known?.lowest;
      }
      case "key":
        return this.#name(this.#keys, entry.kid, Infinity, until);
      case "everybody":
        return this.#raise(entry.moment, until);
      case "client":
        return this.#name(this.#clients, entry.clientId, entry.moment, until);
    }
  }

  /** Whether a credential has been withdrawn. */
  isRevoked({ sid, user, uep, rat, kid, clientId }: Marks): boolean {
    const refuses = (names: ReadonlyMap<string, { readUntil: number }>, name: string | undefined) =>
      name !== undefined && rat <= (names.get(name)?.readUntil ?? -Infinity);
    return (
      rat <= this.#floor ||
      this.#sessions.has(sid) ||
      (user !== undefined && uep < (this.#epochs.get(user)?.lowest ?? 0)) ||
      refuses(this.#keys, kid) ||
      refuses(this.#clients, clientId)
    );
  }

  /**
   * Drops what no longer matters; of many entries a part at a time, so that nothing waits. From then on no credential that had
   * expired by `now` may count as live, even if the clock steps back: see {@link horizon}.
   */
  expire(now: number): void {
    this.#horizon = Math.max(this.#horizon, now);
    for (const sweep of this.#sweeps) sweep.go(now);
    if (this.#floorUntil <= now) [this.#floor, this.#floorUntil] = [-Infinity, -Infinity];
  }

  /** The latest moment at which entries were dropped. Whoever judges expiry must not believe an earlier clock. */
  get horizon(): number {
    return this.#horizon;
  }

  /** The moment up to which everything is refused, because the set was full or everybody was to be. */
  get floor(): number | undefined {
    return this.#floor === -Infinity ? undefined : this.#floor;
  }

  /** How many entries there are. */
  get size(): number {
    return this.#sessions.size + this.#epochs.size + this.#keys.size + this.#clients.size;
  }

  #name(names: Map<string, { readUntil: number; until: number }>, name: string, readUntil: number, until: number): boolean {
    const known = names.get(name);
    if (known === undefined && names.size >= NAMES) return this.#raise(readUntil, until);
    names.set(name, { readUntil: Math.max(known?.readUntil ?? readUntil, readUntil), until: Math.max(known?.until ?? until, until) });
    return readUntil > (known?.readUntil ?? -Infinity);
  }

  /** A session or a user that has no room is as unknown when it is told again, however high the floor has become. */
  #passOver(now: number, until: number): false {
    this.#raise(now + this.#leeway, until);
    return false;
  }

  #raise(floor: number, until: number): boolean {
    const isHigher = floor > this.#floor;
    this.#floor = Math.max(this.#floor, floor);
    this.#floorUntil = Math.max(this.#floorUntil, until);
    return isHigher;
  }
}

/** Goes through a map again and again, a part of it each time: a small one at once, any other in 32 times at most. */
class Sweep<V> {
  readonly #entries: Map<string, V>;
  readonly #untilOf: (value: V) => number;
  #at: Iterator<[string, V]> | undefined;

  constructor(entries: Map<string, V>, untilOf: (value: V) => number) {
    this.#entries = entries;
    this.#untilOf = untilOf;
  }

  go(now: number): void {
    const steps = Math.max(SWEPT_AT_ONCE, this.#entries.size / 32);
    for (let step = 0; step <= steps; step += 1) {
      this.#at ??= this.#entries.entries();
      const { done, value } = this.#at.next();
      if (done) return void (this.#at = undefined);
      if (this.#untilOf(value[1]) <= now) this.#entries.delete(value[0]);
    }
  }
}

/** How many dead keys, and how many clients, beside the capacity. An installation has a handful. */
const NAMES = 4_096;

const SWEPT_AT_ONCE = 10_000;
