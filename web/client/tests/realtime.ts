// Realtime as a client of supabase-js meets it, by script: channels that join, fail, are closed, hear and say.

import type { Supabase } from '../dist/calls.js'

type Listener = (message: Record<string, unknown>) => void

/** One channel. */
export class FakeChannel {
  readonly listeners: { kind: string; listener: Listener }[] = []
  readonly sent: Record<string, unknown>[] = []
  readonly tracked: Record<string, unknown>[] = []
  turn: (state: string) => void = () => {}

  constructor(readonly topic: string) {}

  on(kind: string, _filter: unknown, listener: Listener): this {
    this.listeners.push({ kind, listener })
    return this
  }

  subscribe(turn: (state: string) => void): this {
    this.turn = turn
    return this
  }

  async send(message: Record<string, unknown>): Promise<void> {
    this.sent.push(message)
  }

  async track(payload: Record<string, unknown>): Promise<void> {
    this.tracked.push(payload)
  }

  presenceState(): Record<string, unknown> {
    return {}
  }

  hear(kind: 'broadcast' | 'system' | 'presence', message: Record<string, unknown>): void {
    for (const there of this.listeners) if (there.kind === kind) there.listener(message)
  }
}

/** The project's client, as far as Realtime goes. */
export class FakeSupabase {
  /** Every channel there was, the newest last. */
  readonly channels: FakeChannel[] = []
  tokens = 0
  /** Set: removing a channel waits until this is called. */
  holds: (() => void) | undefined
  slow = false
  #known = new Set<string>()

  readonly realtime = {
    setAuth: async () => {
      this.tokens += 1
    },
  }

  channel(topic: string): FakeChannel {
    if (this.#known.has(topic)) throw new Error(`${topic} is there still: the client would hand out the old channel`)
    this.#known.add(topic)
    const channel = new FakeChannel(topic)
    this.channels.push(channel)
    return channel
  }

  async removeChannel(channel: FakeChannel): Promise<string> {
    if (this.slow) await new Promise<void>((done) => (this.holds = done))
    this.#known.delete(channel.topic)
    return 'ok'
  }

  get last(): FakeChannel {
    return this.channels.at(-1)!
  }

  get client(): Supabase {
    return this as unknown as Supabase
  }
}
