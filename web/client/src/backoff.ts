// How long to wait before what failed is tried again.

const MOST_SECONDS = 30

/** Milliseconds before try `n` (1 for the first repetition): twice as long each time to half a minute, half of it by
 * chance, so that clients that lost the same server do not come back at once. `atLeast`: seconds the server asked for. */
export function backoff(n: number, atLeast: number | null = null, random: () => number = Math.random): number {
  const full = Math.min(MOST_SECONDS, 2 ** (n - 1)) * 1000
  return Math.max(full / 2 + (random() * full) / 2, (atLeast ?? 0) * 1000)
}

/** A pause that `wake` can cut short. */
export class Pause {
  #timer: ReturnType<typeof setTimeout> | undefined
  #done: (() => void) | undefined
  #stopped = false

  for(milliseconds: number): Promise<void> {
    this.wake()
    if (this.#stopped) return Promise.resolve()
    return new Promise((done) => {
      this.#done = done
      this.#timer = setTimeout(() => this.wake(), milliseconds)
    })
  }

  wake(): void {
    clearTimeout(this.#timer)
    this.#done?.()
    this.#done = undefined
  }

  /** No more pauses: whoever waits goes on and finds that there is nothing to do. */
  stop(): void {
    this.#stopped = true
    this.wake()
  }
}
