// A visitor's session: opened once, renewed by its key, one token for everything. The key is kept where the browser keeps
// things, so that a reload or a second tab is the same person.

import { asChatError, ChatError, refusal, type Refusal } from './chat_error.js'
import { mapRecord } from './map_record.js'
import type { OpenedSession } from './shapes.js'
import type { KeyValue } from './storage.js'

/** Where and as whom a session is opened. */
export interface SessionOptions {
  url: string
  anonKey: string
  siteId: string
  storage: KeyValue
  /** What the visitor looks at when the session is opened or renewed. */
  page?: () => { url?: string; title?: string; referrer?: string; language?: string }
  /** The token of somebody signed in with Supabase Auth: then the session is theirs. */
  signedIn?: () => Promise<string | null>
  fetch?: typeof fetch
}

/** Of a token's life, what is left when it is renewed. */
const RENEW_AT = 0.2

/** Keeps a token that is good. */
export class VisitorSession {
  #opened: OpenedSession | null = null
  #goodUntil = 0
  #opening: Promise<OpenedSession> | null = null
  #ended = false

  constructor(
    private readonly options: SessionOptions,
    /** Opened or renewed. */
    private readonly turned: (session: OpenedSession) => void,
  ) {}

  get current(): OpenedSession | null {
    return this.#opened
  }

  /** A token to call with. One that is nearly over is renewed first; when that fails in passing the old one serves. */
  async token(): Promise<string> {
    if (this.#opened && Date.now() < this.#goodUntil) return this.#opened.token
    try {
      return (await this.open()).token
    } catch (thrown) {
      const error = asChatError(thrown)
      if (this.#opened && error.passes) return this.#opened.token
      throw error
    }
  }

  /** Opens the session, or renews it. */
  open(): Promise<OpenedSession> {
    this.#opening ??= this.#open().finally(() => {
      this.#opening = null
    })
    return this.#opening
  }

  /** A session that was answered by another call, such as chat_identify. */
  take(session: OpenedSession): OpenedSession {
    this.#opened = session
    this.#goodUntil = Date.now() + lifeOf(session.token) * (1 - RENEW_AT)
    this.turned(session)
    return session
  }

  /** The key is forgotten; nothing opens this session any more from here. */
  end(): void {
    this.#ended = true
    this.#opened = null
    this.#forget()
  }

  async #open(): Promise<OpenedSession> {
    // Of two tabs that open at once the second finds the key of the first.
    const name = this.#name()
    const locks = globalThis.navigator?.locks
    const session = await (locks ? locks.request(name, () => this.#ask()) : this.#ask())
    if (this.#ended) throw new ChatError('the session has ended', 'chat/session_dead', 401)
    return this.take(session)
  }

  async #ask(): Promise<OpenedSession> {
    const { url, anonKey, siteId, page, signedIn } = this.options
    const key = this.options.storage.getItem(this.#name())
    const token = (await signedIn?.()) ?? anonKey
    const send = this.options.fetch ?? fetch
    let answer: Response
    try {
      answer = await send(`${url}/rest/v1/rpc/chat_open_session`, {
        method: 'POST',
        headers: { apikey: anonKey, authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ site: siteId, key, page: page?.() ?? {} }),
      })
    } catch (thrown) {
      throw asChatError(thrown)
    }
    const body = (await answer.json().catch(() => null)) as Record<string, unknown> | null
    if (!answer.ok || body === null) throw refusal(answer.ok ? 502 : answer.status, body as Refusal | null)
    const session = mapRecord<OpenedSession>(body)
    if (session.key) this.#keep(session.key)
    return session
  }

  #name(): string {
    return `pg-chat:key:${this.options.siteId}`
  }

  #keep(key: string): void {
    try {
      this.options.storage.setItem(this.#name(), key)
    } catch {
      // Full: this page goes on, the next one is somebody new.
    }
  }

  #forget(): void {
    this.options.storage.removeItem(this.#name())
  }
}

/** Milliseconds a token lives from now, by the server's own clock: this machine's may be hours off. */
function lifeOf(token: string): number {
  try {
    const claims = JSON.parse(atob(token.split('.')[1]!.replace(/-/g, '+').replace(/_/g, '/'))) as { iat: number; exp: number }
    return Math.max(0, claims.exp - claims.iat) * 1000
  } catch {
    return 0
  }
}
