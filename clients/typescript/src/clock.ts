// What time it is, by two clocks of this machine.

import { performance } from "node:perf_hooks";

/** Two clocks in milliseconds: one that only goes forward, and the wall clock since 1970. Tests bring their own. */
export interface Clocks {
  steady(): number;
  wall(): number;
}

export class Clock {
  readonly #clocks: Clocks;
  /** The latest that the wall clock ever was ahead of the steady one. */
  #ahead = -Infinity;

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
   * A clock that never goes back, and goes on as the steady clock does or as the wall clock does, whichever goes further: a steady
   * clock may stand still while the machine sleeps.
   */
  passed(): number {
    const steady = this.#clocks.steady();
    this.#ahead = Math.max(this.#ahead, this.#clocks.wall() - steady);
    return this.#ahead + steady;
  }
}
