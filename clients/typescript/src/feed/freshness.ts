// How much a verifier knows, and whether that is enough: the rule of the feed, without IO and without a clock of its own.

/** How things stand at a moment. */
export interface View {
  /** The latest that the issuer's clock may show, in unix milliseconds. Whatever the issuer dated is judged by it. */
  readonly now: number;
  /** Everything is known that was committed so many milliseconds ago or earlier. */
  readonly age: number;
}

/** What has been proven so far. Its moments are milliseconds of one clock that never goes back. */
export class Freshness {
  /** Everything committed before this moment is known. */
  #known = -Infinity;
  /** When the question was sent to which the issuer's clock showed at most `#issuer`. */
  #asked = -Infinity;
  #issuer = 0;

  /** Takes note of a watermark, once everything in its answer has been applied. `asked` is when the question was sent. */
  learn(asked: number, { age, now }: View): void {
    // Two questions may have been under way at once, and the answer of an older node may say less.
    this.#known = Math.max(this.#known, asked - age);
    if (asked >= this.#asked) [this.#asked, this.#issuer] = [asked, now];
  }

  /** How things stand. `undefined` until the first proof: then nothing may be accepted. Read before the entries are looked at. */
  at(moment: number): View | undefined {
    if (this.#known === -Infinity) return undefined;
    return { now: this.#issuer + (moment - this.#asked), age: moment - this.#known };
  }
}

/** How old the knowledge is by which a credential is judged that was read at `rat`: it proves by itself that it was live then. */
export function ageOf(view: View, rat: number): number {
  // A `rat` from the future proves nothing: somebody's clock was set in between.
  return view.now >= rat && view.age <= RAT_PROVES_FOR_MS ? Math.min(view.now - rat, view.age) : view.age;
}

/**
 * For how long without a word from the issuer the time in a token proves anything: it is as good as the key that signed it, and that
 * may have been withdrawn meanwhile. As long as an access token lives at most.
 */
const RAT_PROVES_FOR_MS = 900_000;
