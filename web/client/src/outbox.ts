// What somebody wrote and the database has not yet: kept until it is there, over reloads and lost connections. A draft is
// the row's own id, so one that was sent after all, by this page, a reload or another tab, is one message.

import { asChatError } from './chat_error.js'
import { backoff, Pause } from './backoff.js'
import { keysOf, type KeyValue } from './storage.js'
import type { Draft } from './timeline.js'

/** Sends drafts one after the other, in the order they were written. */
export class Outbox {
  readonly #drafts = new Map<string, Draft>()
  readonly #pause = new Pause()
  #running = false
  #stopped = false
  #last = 0

  constructor(
    private readonly storage: KeyValue,
    /** Whose drafts: other scopes are left alone. */
    private readonly scope: string,
    /** Writes it. Resolves when it is in the database. */
    private readonly post: (draft: Draft) => Promise<void>,
    /** A draft is otherwise than before. */
    private readonly changed: (draft: Draft) => void,
  ) {
    for (const key of keysOf(storage, this.#key(''))) {
      const draft = readDraft(storage.getItem(key))
      if (draft) {
        this.#drafts.set(draft.id, draft)
        this.#last = Math.max(this.#last, Date.parse(draft.createdAt))
      }
      else storage.removeItem(key)
    }
  }

  /** What is not there yet, in order. */
  drafts(): Draft[] {
    return [...this.#drafts.values()].sort((a, b) => (a.createdAt < b.createdAt ? -1 : a.createdAt > b.createdAt ? 1 : 0))
  }

  /** A time for a new draft that is later than every other draft's of this outbox. */
  nextTime(): string {
    this.#last = Math.max(Date.now(), this.#last + 1)
    return new Date(this.#last).toISOString()
  }

  /** Keeps a draft and, unless its file is on its way still, sends it when its turn comes. */
  put(draft: Draft): void {
    this.#drafts.set(draft.id, draft)
    // A file's bytes do not survive a reload; its message does once the file has a place.
    if (draft.state !== 'uploading') this.#store(draft)
    this.changed(draft)
    void this.#run()
  }

  /** Sends one again that was refused. */
  retry(id: string): void {
    const draft = this.#drafts.get(id)
    if (draft?.state === 'failed') this.put({ ...draft, state: 'sending', error: null })
  }

  /** Throws one away. */
  discard(id: string): void {
    this.#drafts.delete(id)
    this.storage.removeItem(this.#key(id))
  }

  /** Tries at once what waits: the connection is back. */
  wake(): void {
    this.#pause.wake()
    void this.#run()
  }

  /** Sends no more; what is left stays stored. */
  stop(): void {
    this.#stopped = true
    this.#pause.stop()
  }

  async #run(): Promise<void> {
    if (this.#running) return
    this.#running = true
    for (let tries = 0; !this.#stopped; ) {
      const draft = this.drafts().find(({ state }) => state === 'sending')
      if (!draft) break
      try {
        await this.post(draft)
        this.discard(draft.id)
        tries = 0
      } catch (thrown) {
        const error = asChatError(thrown)
        // Thrown away meanwhile: there is nothing to say of it.
        if (!this.#drafts.has(draft.id)) continue
        const { code, message, hint } = error
        const next: Draft = { ...draft, state: error.passes ? 'sending' : 'failed', error: { code, message, hint } }
        this.#drafts.set(draft.id, next)
        this.#store(next)
        this.changed(next)
        if (error.passes) await this.#pause.for(backoff(++tries, error.retryAfter))
      }
    }
    this.#running = false
  }

  #store(draft: Draft): void {
    try {
      this.storage.setItem(this.#key(draft.id), JSON.stringify(draft))
    } catch {
      // Full: it is sent all the same, and only a reload would lose it.
    }
  }

  #key(id: string): string {
    return `pg-chat:outbox:${this.scope}:${id}`
  }
}

function readDraft(text: string | null): Draft | null {
  try {
    const draft = JSON.parse(text ?? 'null') as Draft | null
    return draft !== null && typeof draft.id === 'string' && typeof draft.content === 'string' ? draft : null
  } catch {
    return null
  }
}
