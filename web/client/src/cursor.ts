// How far somebody has read: only forward, one call at a time, the furthest last.

/** Moves a cursor in the database behind one that is moved here. */
export class Cursor {
  #wanted = 0
  #told = 0
  #telling = false

  constructor(private readonly tell: (upTo: number) => Promise<unknown>) {}

  /** Up to this number. What fails in telling is told with the next move. */
  async move(upTo: number): Promise<void> {
    this.#wanted = Math.max(this.#wanted, upTo)
    if (this.#telling) return
    this.#telling = true
    try {
      while (this.#told < this.#wanted) {
        const upToNow = this.#wanted
        await this.tell(upToNow)
        this.#told = upToNow
      }
    } catch {
      // A cursor is never worth an error message; the unread count simply stays.
    } finally {
      this.#telling = false
    }
  }
}
