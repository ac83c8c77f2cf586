// Who writes just now, told on the conversation's typing topic by clients alone. Nothing depends on it: a start that is
// not repeated ends by itself. A visitor hears what agents say here, so no names are told.

import { Store } from './store.js'

const REPEAT_MS = 3_000
const IDLE_MS = 5_000
const ENDS_MS = 8_000

/** The side that writes. */
export type TypingSide = 'visitor' | 'agent'

/** Tells of one's own writing and keeps who else writes. */
export class Typing {
  /** Sides that write, without oneself. */
  readonly state = new Store<readonly TypingSide[]>([])
  readonly #me = crypto.randomUUID()
  readonly #others = new Map<string, { side: TypingSide; timer: ReturnType<typeof setTimeout> }>()
  #toldAt = 0
  #idle: ReturnType<typeof setTimeout> | undefined

  constructor(
    private readonly conversationId: string,
    private readonly side: TypingSide,
    private readonly tell: (event: string, payload: Record<string, unknown>) => void,
  ) {}

  /** At each key: tells it now and then. */
  typed(): void {
    clearTimeout(this.#idle)
    this.#idle = setTimeout(() => this.ended(), IDLE_MS)
    if (Date.now() - this.#toldAt < REPEAT_MS) return
    this.#toldAt = Date.now()
    this.#say('typing_start')
  }

  /** The topic is joined, for the first time or again: whoever writes just now has been heard by nobody. */
  joined(): void {
    if (this.#toldAt !== 0) this.#say('typing_start')
  }

  /** Sent, cleared or left alone. */
  ended(): void {
    clearTimeout(this.#idle)
    if (this.#toldAt === 0) return
    this.#toldAt = 0
    this.#say('typing_stop')
  }

  /** What came over the topic. Anybody there may say anything, so nothing else is believed than a side and a key. */
  heard(event: string, payload: Record<string, unknown>): void {
    const data = payload['data'] as { key?: unknown; side?: unknown } | undefined
    const key = data?.key
    const side = data?.side
    if (typeof key !== 'string' || key === this.#me || (side !== 'visitor' && side !== 'agent')) return
    this.#forget(key)
    if (event === 'typing_start') {
      const timer = setTimeout(() => {
        this.#forget(key)
        this.#show()
      }, ENDS_MS)
      this.#others.set(key, { side, timer })
    }
    this.#show()
  }

  stop(): void {
    this.ended()
    for (const key of [...this.#others.keys()]) this.#forget(key)
  }

  #forget(key: string): void {
    clearTimeout(this.#others.get(key)?.timer)
    this.#others.delete(key)
  }

  #show(): void {
    const sides = [...new Set([...this.#others.values()].map(({ side }) => side))].sort()
    if (sides.join() !== this.state.get().join()) this.state.set(sides)
  }

  #say(type: 'typing_start' | 'typing_stop'): void {
    this.tell(type, { v: 1, type, conversationId: this.conversationId, data: { key: this.#me, side: this.side } })
  }
}
