// Waiting, without keeping a process alive that has nothing else to do.

/** Pauses between tries: longer each time, and never the same for two verifiers. */
export class Pause {
  #tries = 0;

  next(longestMs: number): number {
    const pause = Math.min(FIRST_MS * 2 ** Math.min(this.#tries, 16), longestMs);
    this.#tries += 1;
    return pause * (1 - Math.random() / 2);
  }

  reset(): void {
    this.#tries = 0;
  }
}

/** Waits; resolves early when `signal` says so. */
export function rest(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms).unref();
    signal.addEventListener("abort", done);
  });
}

const FIRST_MS = 50;
