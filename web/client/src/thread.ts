// One conversation kept up to date: its first page, older ones, and what changed, asked for one request at a time. What
// arrives goes through the reducer (timeline.ts); this file decides when to ask.

import { asChatError, type ChatError } from './chat_error.js'
import { backoff, Pause } from './backoff.js'
import { Store } from './store.js'
import { emptyTimeline, hasOlder, isBehind, lines, numberOf, reduce, type Draft, type Happening, type Line, type Row, type Timeline } from './timeline.js'

/** Where a conversation's rows come from. `change` counts as its topic does: an agent's, or what a visitor may see. */
export interface Source<M extends Row, C> {
  /** The conversation and its newest change, and then its newest messages. */
  first(size: number): Promise<{ conversation: C; change: number; rows: M[] }>
  /** Messages before a number, the nearest `size`. */
  before(number: number, size: number): Promise<M[]>
  /** What changed after a change; `conversation` is null when it did not, or as it is. */
  since(change: number, size: number): Promise<{ conversation: C | null; rows: M[]; change: number; more: boolean }>
}

/** A conversation as it is shown. */
export interface ThreadState<M extends Row, C> {
  readonly conversation: C | null
  readonly lines: readonly Line<M>[]
  readonly hasOlder: boolean
  /** The first page, or older ones, are on their way. */
  readonly isLoading: boolean
  /** What stands in the way of reading: it passes by itself, or there is nothing to be read any more. */
  readonly error: ChatError | null
}

/** Rows of one answer. */
export interface Sizes {
  readonly page: number
  readonly changes: number
}

const SIZES: Sizes = { page: 50, changes: 200 }

/** How long after a hint, look by look, what it tells of may not be readable yet: PostgreSQL streams a commit a moment
 * before others can see it, on a busy machine or with a synchronous replica a long one. */
const EARLY_MS: readonly number[] = [50, 250, 1_000, 4_000]

/** Keeps a conversation. */
export class Thread<M extends Row, C> {
  readonly state: Store<ThreadState<M, C>>
  #timeline: Timeline<M>
  #conversation: C | null = null
  #source: Source<M, C> | null
  #error: ChatError | null = null
  #loading = 0
  #looking: Promise<void> | null = null
  #lookAgain = false
  #stopped = false
  readonly #pause = new Pause()

  constructor(
    source: Source<M, C> | null,
    drafts: readonly Draft[] = [],
    private readonly sizes: Sizes = SIZES,
  ) {
    this.#source = source
    this.#timeline = emptyTimeline(drafts)
    this.state = new Store(this.#shown())
  }

  get timeline(): Timeline<M> {
    return this.#timeline
  }

  get conversation(): C | null {
    return this.#conversation
  }

  /** The greatest number of a message that is here. */
  get newest(): number {
    return Math.max(0, ...[...this.#timeline.rows.values()].map(numberOf))
  }

  /** The conversation begins: until now there were only drafts. */
  begin(source: Source<M, C>): void {
    this.#source ??= source
  }

  happen(happening: Happening<M>): void {
    const after = reduce(this.#timeline, happening)
    if (after === this.#timeline) return
    this.#timeline = after
    this.state.set(this.#shown())
    if (isBehind(after)) void this.look()
  }

  /** Asks what is new: after a hint, a rejoin, a pause. Whoever asks meanwhile is answered by one more request. */
  look(): Promise<void> {
    this.#lookAgain = true
    this.#pause.wake()
    this.#looking ??= this.#look().finally(() => {
      this.#looking = null
    })
    return this.#looking
  }

  /** One page of older messages. Throws a ChatError where it cannot be had. */
  async older(): Promise<void> {
    const { oldest, known } = this.#timeline
    if (!this.#source || oldest === null || oldest === 0 || this.#loading > 0) return
    await this.#load(async (source) => {
      const rows = await source.before(oldest, this.sizes.page)
      this.happen({ type: 'page', rows, size: this.sizes.page, change: known })
    })
  }

  stop(): void {
    this.#stopped = true
    this.#pause.stop()
  }

  async #look(): Promise<void> {
    let failures = 0
    let early = 0
    while ((this.#lookAgain || isBehind(this.#timeline)) && !this.#stopped && this.#source) {
      this.#lookAgain = false
      try {
        await (this.#timeline.oldest === null ? this.#first() : this.#since(this.#source))
        failures = 0
        this.#fails(null)
      } catch (thrown) {
        const error = asChatError(thrown)
        this.#fails(error)
        if (!error.passes) return
        this.#lookAgain = true
        await this.#pause.for(backoff(++failures, error.retryAfter))
      }
      if (this.#lookAgain || !isBehind(this.#timeline)) {
        early = 0
      } else if (early < EARLY_MS.length) {
        await this.#pause.for(EARLY_MS[early++]!)
      } else {
        // Heard of and still not there: it was erased.
        this.#timeline = { ...this.#timeline, heard: this.#timeline.known }
      }
    }
  }

  #first(): Promise<void> {
    return this.#load(async (source) => {
      const { conversation, change, rows } = await source.first(this.sizes.page)
      this.#conversation = conversation
      this.happen({ type: 'page', rows, size: this.sizes.page, change })
    })
  }

  async #since(source: Source<M, C>): Promise<void> {
    for (let more = true; more && !this.#stopped; ) {
      const since = this.#timeline.known
      const answer = await source.since(since, this.sizes.changes)
      if (answer.conversation !== null) this.#keep(answer.conversation)
      this.happen({ type: 'changes', since, rows: answer.rows, upTo: answer.change })
      more = answer.more
    }
  }

  #keep(conversation: C): void {
    if (JSON.stringify(conversation) === JSON.stringify(this.#conversation)) return
    this.#conversation = conversation
    this.state.set(this.#shown())
  }

  async #load(ask: (source: Source<M, C>) => Promise<void>): Promise<void> {
    if (!this.#source) return
    this.#loading += 1
    this.state.patch({ isLoading: true })
    try {
      await ask(this.#source)
    } finally {
      this.#loading -= 1
      this.state.set(this.#shown())
    }
  }

  #fails(error: ChatError | null): void {
    if (error === this.#error) return
    this.#error = error
    this.state.patch({ error })
  }

  #shown(): ThreadState<M, C> {
    return {
      conversation: this.#conversation,
      lines: lines(this.#timeline),
      hasOlder: hasOlder(this.#timeline),
      isLoading: this.#loading > 0,
      error: this.#error,
    }
  }
}
