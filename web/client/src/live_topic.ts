// One topic of Realtime, joined for as long as it is wanted. The official client rejoins by itself after a lost socket,
// an error or a timeout, with the token it has; it never does after CLOSED, which is how the server ends a channel whose
// token is over or that heard too much. So here a token is renewed after every failure and a closed channel made anew.

import type { RealtimeChannel } from '@supabase/supabase-js'
import { backoff } from './backoff.js'
import type { Supabase } from './calls.js'

/** What is done with a topic. */
export interface TopicUse {
  /** Joined, again or for the first time, or rows stream in from now on: whatever was missed is to be fetched. */
  joined(): void
  /** Not joined any more; it tries again by itself. */
  lost(): void
  broadcast?(event: string, payload: Record<string, unknown>): void
  /** Who is there, by key. */
  presence?(state: Record<string, Record<string, unknown>[]>): void
}

/** Channels on their way out: the client knows one channel a topic, so the next one waits until the last has gone. */
const leaving = new WeakMap<Supabase, Map<string, Promise<unknown>>>()

/** A private channel that comes back. */
export class LiveTopic {
  #channel: RealtimeChannel | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #tries = 0
  #joined = false
  #stopped = false
  #tracked: Record<string, unknown> | undefined

  constructor(
    private readonly supabase: Supabase,
    readonly topic: string,
    private readonly use: TopicUse,
  ) {
    this.#make()
  }

  get isJoined(): boolean {
    return this.#joined
  }

  /** Tells the others; not kept, and lost when the topic is not joined. */
  send(event: string, payload: Record<string, unknown>): void {
    if (this.#joined) void this.#channel?.send({ type: 'broadcast', event, payload })
  }

  /** Shows this to whoever is there, now and after each rejoin. */
  track(payload: Record<string, unknown>): void {
    this.#tracked = payload
    if (this.#joined) void this.#channel?.track(payload)
  }

  /** Leaves for good. */
  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
    this.#leave()
  }

  #make(): void {
    // What cannot be made now is made later: nobody waits for this who could be told.
    this.#join().catch(() => this.#again())
  }

  async #join(): Promise<void> {
    this.#leave()
    await leaving.get(this.supabase)?.get(this.topic)
    await this.#renewToken()
    if (this.#stopped) return
    const channel = this.supabase.channel(this.topic, {
      config: { private: true, broadcast: { self: false, ack: false, replication_ready: true } },
    })
    this.#channel = channel
    const { broadcast, presence } = this.use
    if (broadcast) {
      channel.on('broadcast', { event: '*' }, ({ event, payload }) => broadcast.call(this.use, event, payload ?? {}))
    }
    if (presence) {
      channel.on('presence', { event: 'sync' }, () => presence.call(this.use, channel.presenceState()))
    }
    // A channel may be joined before rows stream in; then the server says so later.
    channel.on('system', {}, (said: { status?: string }) => {
      if (this.#channel === channel && this.#joined && said.status === 'ok') this.use.joined()
    })
    channel.subscribe((state) => {
      if (this.#channel === channel) this.#turned(state)
    })
  }

  #turned(state: string): void {
    if (state === 'SUBSCRIBED') {
      this.#joined = true
      this.#tries = 0
      if (this.#tracked) void this.#channel?.track(this.#tracked)
      this.use.joined()
      return
    }
    const had = this.#joined
    this.#joined = false
    if (state === 'CLOSED') {
      this.#again()
    } else {
      // CHANNEL_ERROR, TIMED_OUT: the client tries again by itself, with the token that it has by then.
      void this.#renewToken()
    }
    if (had) this.use.lost()
  }

  #again(): void {
    if (this.#stopped) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#make(), backoff(++this.#tries))
  }

  async #renewToken(): Promise<void> {
    try {
      await this.supabase.realtime.setAuth()
    } catch {
      // Without a new one the join is refused, and tried again.
    }
  }

  #leave(): void {
    const channel = this.#channel
    this.#channel = undefined
    this.#joined = false
    if (!channel) return
    const gone = leaving.get(this.supabase) ?? new Map<string, Promise<unknown>>()
    leaving.set(this.supabase, gone)
    const removed = this.supabase.removeChannel(channel).finally(() => {
      if (gone.get(this.topic) === removed) gone.delete(this.topic)
    })
    gone.set(this.topic, removed)
  }
}
