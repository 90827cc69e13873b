// What time it is, by two clocks of this machine.

import { performance } from "node:perf_hooks";

/** Two clocks in milliseconds: one that only goes forward, and the wall clock since 1970. Tests bring their own. */
export interface Clocks {
  steady(): number;
  wall(): number;
}

export class Clock {
  readonly #clocks: Clocks;
  /** By how much the wall clock was ahead of the steady one when that was noticed last. */
  #ahead = Infinity;
  /** For how long the steady clock has stood still. */
  #asleep = 0;

  constructor(clocks: Clocks = { steady: () => performance.now(), wall: () => Date.now() }) {
    this.#clocks = clocks;
  }

  /** Now, in unix milliseconds: for times that others have written. */
  now(): number {
    return this.#clocks.wall();
  }

  /** For ages, which nobody's setting of the clock may change. */
  elapsed(): number {
    return this.#clocks.steady();
  }

  /**
   * A clock that never goes back: the steady one, and what the wall clock has gone on beyond it at a time, because a steady clock may
   * stand still while the machine sleeps. Node has none that goes on. A wall clock that is set forward counts as sleep; one that was set
   * back hides none.
   */
  passed(): number {
    const steady = this.#clocks.steady();
    const ahead = this.#clocks.wall() - steady;
    if (ahead > this.#ahead + SLACK_MS) this.#asleep += ahead - this.#ahead;
    if (ahead < this.#ahead || ahead > this.#ahead + SLACK_MS) this.#ahead = ahead;
    return steady + this.#asleep;
  }
}

/** By how much the two may differ without meaning anything: they are read one after the other, and one counts whole milliseconds. */
const SLACK_MS = 20;
