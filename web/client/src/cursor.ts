// How far somebody has read: only forward, one call at a time, the furthest last.

import { backoff, Pause } from './backoff.js'
import { asChatError } from './chat_error.js'

/** Moves a cursor in the database behind one that is moved here. */
export class Cursor {
  readonly #pause = new Pause()
  #wanted = 0
  #told = 0
  #telling = false
  #stopped = false

  constructor(private readonly tell: (upTo: number) => Promise<unknown>) {}

  /** Up to this number. What fails in passing is told again: nothing else may ever be drawn that would move it. */
  async move(upTo: number): Promise<void> {
    if (upTo > this.#wanted) {
      this.#wanted = upTo
      this.#pause.wake()
    }
    if (this.#telling) return
    this.#telling = true
    for (let tries = 0; this.#told < this.#wanted && !this.#stopped; ) {
      const upToNow = this.#wanted
      try {
        await this.tell(upToNow)
        this.#told = upToNow
        tries = 0
      } catch (thrown) {
        // A cursor is never worth an error message: where it is refused, the unread count simply stays.
        const error = asChatError(thrown)
        if (!error.passes) break
        await this.#pause.for(backoff(++tries, error.retryAfter))
      }
    }
    this.#telling = false
  }

  /** Tells no more. */
  stop(): void {
    this.#stopped = true
    this.#pause.stop()
  }
}
