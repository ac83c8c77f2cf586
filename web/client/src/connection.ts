// The topics of a chat or an inbox together: live while all are joined, polling while one is not. Even live it looks now
// and then, because a joined channel of a server that lost its database says nothing.

import type { Supabase } from './calls.js'
import { LiveTopic, type TopicUse } from './live_topic.js'

const POLL_SECONDS = 5
const LIVE_POLL_SECONDS = 60

/** How often to look by oneself, in seconds. */
export interface Polling {
  /** While some topic is not joined, or the last look failed. Default 5. */
  pollSeconds?: number
  /** Else. Default 60. */
  livePollSeconds?: number
}

/** Joins topics and says when to look what is new. */
export class Connection {
  readonly #topics = new Map<string, LiveTopic>()
  #timer: ReturnType<typeof setTimeout> | undefined
  #isLive = false
  #lookFailed = false
  #stopped = false

  constructor(
    private readonly supabase: Supabase,
    private readonly polling: Polling,
    /** Something may have been missed. */
    private readonly look: () => void,
    /** Live, or not any more. */
    private readonly turned: (isLive: boolean) => void,
  ) {
    this.#schedule()
    globalThis.addEventListener?.('online', this.#woke)
    globalThis.document?.addEventListener('visibilitychange', this.#woke)
  }

  get isLive(): boolean {
    return this.#isLive
  }

  /** What became of a look: after one that failed the next is soon, for no broadcast says that the server is back. */
  looked(well: boolean): void {
    if (this.#lookFailed === !well) return
    this.#lookFailed = !well
    if (!this.#stopped) this.#schedule()
  }

  /** Joins a topic unless it is joined. */
  join(topic: string, use: Omit<TopicUse, 'joined' | 'lost'> & Partial<TopicUse>): LiveTopic {
    const there = this.#topics.get(topic)
    if (there) return there
    const live = new LiveTopic(this.supabase, topic, {
      ...use,
      joined: () => {
        use.joined?.()
        this.#turn()
        this.look()
      },
      lost: () => {
        use.lost?.()
        this.#turn()
      },
    })
    if (this.#stopped) {
      // An answer that came after the end: whoever had asked may go on, and hears nothing.
      live.stop()
      return live
    }
    this.#topics.set(topic, live)
    this.#turn()
    return live
  }

  leave(topic: string): void {
    this.#topics.get(topic)?.stop()
    this.#topics.delete(topic)
    this.#turn()
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
    globalThis.removeEventListener?.('online', this.#woke)
    globalThis.document?.removeEventListener('visibilitychange', this.#woke)
    for (const topic of this.#topics.values()) topic.stop()
    this.#topics.clear()
  }

  /** The network, the page or the laptop is back. */
  readonly #woke = (): void => {
    if (globalThis.document?.visibilityState !== 'hidden') this.look()
  }

  #turn(): void {
    // Without the word of others' typing and presence nothing is missed.
    const telling = [...this.#topics.values()].filter(({ topic }) => !/^chat:(typing|presence):/.test(topic))
    const isLive = telling.length > 0 && telling.every((topic) => topic.isJoined)
    if (isLive === this.#isLive || this.#stopped) return
    this.#isLive = isLive
    this.#schedule()
    this.turned(isLive)
  }

  #schedule(): void {
    clearTimeout(this.#timer)
    const { pollSeconds = POLL_SECONDS, livePollSeconds = LIVE_POLL_SECONDS } = this.polling
    this.#timer = setTimeout(
      () => {
        this.#schedule()
        this.look()
      },
      (this.#isLive && !this.#lookFailed ? livePollSeconds : pollSeconds) * 1000,
    )
  }
}
