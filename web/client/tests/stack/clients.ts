// Visitors and agents at work, as many as somebody wants: each line of the standard input says who does what (see `Told`),
// a line of the standard output answers it or says what is wrong. At every change of what one of them shows it is judged
// by itself: each message once, in order, none gone, none as it was before. Whether it is what the database has is for
// whoever tells them: tests/harness/clients.rs.
//
// PROJECT_URL, ANON_KEY, JWT_SECRET, SITE_ID; RECORD, a file for everything that visitors receive; SEED, for chance.

import { createHmac } from 'node:crypto'
import { appendFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { createClient } from '@supabase/supabase-js'
import WebSocket from 'ws'
import { AgentInbox, Memory, VisitorChat, type AgentConversation, type ChatFunctions, type ChatMessage, type ChatMyMessages, type Line } from '@pg-chat/client'
import { chance } from '../random.js'

function setting(name: string): string {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set`)
  return value
}

const url = setting('PROJECT_URL')
const anonKey = setting('ANON_KEY')
const siteId = setting('SITE_ID')
const record = setting('RECORD')
const polling = { pollSeconds: 1, livePollSeconds: 10 }
/** An agent's token is over soon, so that many expire in a run. */
const TOKEN_SECONDS = 20
/** The latest that an answer comes. */
const LATEST_MS = 1_500
const random = chance(Number(setting('SEED')))

/** What somebody is to do. `who` numbers them. */
type Told = { who: number } & (
  /** A page of a visitor; pages of one browser share what it stores. */
  | { do: 'visit'; browser: number }
  | { do: 'work'; user: string; conversations: string[] }
  | { do: 'enter'; conversation: string }
  /** A visitor writes in the conversation that goes on. */
  | { do: 'send'; content: string; conversation?: string; note?: boolean }
  | { do: 'file'; name: string; content: string }
  | { do: 'read' }
  | { do: 'typed'; conversation?: string }
  /** The page is loaded anew, whatever it was doing. */
  | { do: 'reload' }
  | { do: 'call'; name: keyof ChatFunctions; args: Record<string, unknown> }
  /** Any address below the project's, as the visitor's page could ask it. */
  | { do: 'get'; path: string }
  | { do: 'show' }
  /** Of all requests of this process so many in a hundred never arrive; of so many the answer is lost, or comes late. */
  | { do: 'line'; down: number; lost: number; late: number }
  | { do: 'leave' }
)

/** A conversation as somebody shows it. */
interface Shown {
  conversation: string | null
  state: Record<string, unknown> | null
  rows: Record<string, unknown>[]
  drafts: string[]
}

let line = { down: 0, lost: 0, late: 0 }

function say(answer: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`)
}

/** Requests over a line that may be bad; `received` is told of what had left the other side. */
function lineWith(received: (input: Parameters<typeof fetch>[0], answer: Response) => Promise<void>): typeof fetch {
  return async (input, init) => {
    if (random() * 100 < line.down) throw new TypeError('fetch failed')
    const answer = await fetch(input, init)
    await received(input, answer)
    // Later than what is asked after it, now and then.
    if (random() * 100 < line.late) await new Promise((go) => setTimeout(go, random() * LATEST_MS))
    if (random() * 100 < line.lost) {
      await answer.arrayBuffer()
      throw new TypeError('terminated')
    }
    return answer
  }
}

const throughLine = lineWith(async () => {})

/** Writes down what a visitor's page receives, lost answers too: they had left the database. */
function recorder(who: number) {
  const write = (from: 'rest' | 'socket', address: string, text: string) =>
    appendFileSync(record, `${JSON.stringify({ who, from, address, text })}\n`)
  class Recorded extends WebSocket {
    constructor(...given: ConstructorParameters<typeof WebSocket>) {
      super(...given)
      // A frame of bytes is text for the most part; what is not does not hide the rest.
      this.on('message', (data) => write('socket', String(given[0]), Buffer.from(data as ArrayBuffer).toString()))
    }
  }
  const fetch = lineWith(async (input, answer) => {
    const address = input instanceof Request ? input.url : String(input)
    write('rest', address, `${JSON.stringify([...answer.headers])} ${await answer.clone().text()}`)
  })
  return { fetch, transport: Recorded }
}

function sign(user: string, now: number): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const claims = { sub: user, role: 'authenticated', aud: 'authenticated', iat: now, exp: now + TOKEN_SECONDS }
  const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`
  return `${text}.${createHmac('sha256', setting('JWT_SECRET')).update(text).digest('base64url')}`
}

type Message = ChatMessage | ChatMyMessages

/** Microseconds since 1970. */
function micros(time: string): number {
  const fraction = /\.(\d+)/.exec(time)?.[1] ?? ''
  return Date.parse(time.replace(/\.\d+/, '')) * 1000 + Number(fraction.padEnd(6, '0'))
}

/** What one page may not show after what it has shown. */
class Judge {
  readonly #changes = new Map<string, number>()

  constructor(private readonly who: number) {}

  judge(lines: readonly Line<Message>[]): void {
    const wrong = (what: string, id: string) => say({ wrong: `client ${this.who} shows ${what}: ${id}` })
    const there = new Set<string>()
    let before = 0
    for (const { id, message } of lines) {
      if (there.has(id)) wrong('twice', id)
      there.add(id)
      if (!message) continue
      const at = micros(message.sentAt)
      if (at < before) wrong('out of order', id)
      before = at
      if (message.change < (this.#changes.get(id) ?? 0)) wrong('as it was before', id)
      this.#changes.set(id, message.change)
    }
    for (const id of this.#changes.keys()) if (!there.has(id)) wrong('no more', id)
  }
}

function rowsOf(lines: readonly Line<Message>[]): Pick<Shown, 'rows' | 'drafts'> {
  const rows = lines.flatMap(({ message }) => message === null ? [] : [{
    id: message.id, change: message.change, content: message.content, status: message.status,
    is_edited: message.editedAt !== null, is_deleted: message.deletedAt !== null,
  }])
  return { rows, drafts: lines.flatMap(({ draft }) => (draft ? [`${draft.state} ${draft.error?.code ?? ''}`] : [])) }
}

/** Waits until there is something in a store. */
function until<S, T>(store: { get(): S; subscribe(listener: () => void): () => void }, find: (state: S) => T | null | undefined): Promise<T> {
  return new Promise((done) => {
    let stop = () => {}
    const look = () => {
      const found = find(store.get())
      if (found === null || found === undefined) return
      stop()
      done(found)
    }
    stop = store.subscribe(look)
    look()
  })
}

/** All that was said, however long ago. What fails is tried when it is asked again. */
async function everything(page: { state: { get(): { hasOlder: boolean; isLoading: boolean } }; older(): Promise<void> }): Promise<void> {
  for (let before = true; before && !page.state.get().isLoading; ) {
    before = page.state.get().hasOlder
    if (before) await page.older().catch(() => { before = false })
  }
}

const browsers = new Map<number, Memory>()

/** A visitor's page. */
class Visitor {
  #chat: VisitorChat
  readonly #recorder: ReturnType<typeof recorder>

  constructor(private readonly who: number, private readonly browser: number) {
    this.#recorder = recorder(who)
    if (!browsers.has(browser)) browsers.set(browser, new Memory())
    this.#chat = this.#open()
  }

  #open(): VisitorChat {
    const { fetch, transport } = this.#recorder
    const chat = VisitorChat.open({
      url, anonKey, siteId, storage: browsers.get(this.browser)!, fetch,
      supabase: { realtime: { transport: transport as never, heartbeatIntervalMs: 5_000 } }, ...polling,
    })
    const judge = new Judge(this.who)
    let shown: readonly Line<ChatMyMessages>[] = []
    chat.state.subscribe(() => {
      const { lines } = chat.state.get()
      if (lines !== shown) judge.judge(lines)
      shown = lines
    })
    return chat
  }

  async do(told: Told): Promise<Record<string, unknown>> {
    const chat = this.#chat
    switch (told.do) {
      case 'visit':
        return { visitor: await until(chat.state, ({ session, visitorId }) => (session === 'open' ? visitorId : null)) }
      case 'send':
        return { id: chat.send(told.content) }
      case 'file':
        return { id: chat.sendFile(new File(['%PDF-1.4'], told.name, { type: 'application/pdf' }), told.content) }
      case 'read':
        void chat.read()
        return {}
      case 'typed':
        chat.typed()
        return {}
      case 'reload':
        chat.stop()
        this.#chat = this.#open()
        return {}
      case 'call':
        return { answer: await chat.calls.call(told.name, told.args as never) }
      case 'get': {
        const answer = await this.#recorder.fetch(url + told.path, {
          headers: { apikey: anonKey, authorization: `Bearer ${chat.supabase.realtime.accessTokenValue}` },
        })
        return { status: answer.status }
      }
      case 'show':
        await everything(chat)
        return { shows: [this.#shown()], is_live: chat.state.get().isLive }
      default:
        throw new Error(`a visitor cannot ${told.do}`)
    }
  }

  stop(): void {
    this.#chat.stop()
  }

  #shown(): Shown {
    const { conversation, lines } = this.#chat.state.get()
    return {
      conversation: conversation?.id ?? null,
      state: conversation && { status: conversation.status, has_agent: conversation.hasAgent, last_message_text: conversation.lastMessageText },
      ...rowsOf(lines),
    }
  }
}

/** An agent's page, with the conversations they have open. */
class Agent {
  readonly #supabase
  readonly #storage = new Memory()
  readonly #open = new Map<string, AgentConversation>()
  #inbox: AgentInbox
  #token = { text: '', until: 0 }

  constructor(private readonly who: number, private readonly user: string, private readonly conversations: string[]) {
    this.#supabase = createClient(url, anonKey, {
      global: { fetch: throughLine },
      realtime: { transport: WebSocket as never, heartbeatIntervalMs: 5_000 },
      accessToken: () => this.#signed(),
    })
    this.#inbox = this.#work()
  }

  async #signed(): Promise<string> {
    const now = Math.floor(Date.now() / 1000)
    if (now >= this.#token.until) this.#token = { text: sign(this.user, now), until: now + TOKEN_SECONDS }
    return this.#token.text
  }

  #work(): AgentInbox {
    const inbox = new AgentInbox({
      supabase: this.#supabase, url, anonKey, siteId, userId: this.user, storage: this.#storage,
      accessToken: () => this.#signed(), ...polling,
    })
    this.#inbox = inbox
    for (const conversation of this.conversations) this.#enter(conversation)
    return inbox
  }

  #enter(id: string): AgentConversation {
    const conversation = this.#inbox.open(id)
    this.#open.set(id, conversation)
    const judge = new Judge(this.who)
    let shown: readonly Line<ChatMessage>[] = []
    conversation.state.subscribe(() => {
      const { lines } = conversation.state.get()
      if (lines !== shown) judge.judge(lines)
      shown = lines
    })
    return conversation
  }

  async do(told: Told): Promise<Record<string, unknown>> {
    const open = () => {
      const conversation = this.#open.get('conversation' in told ? told.conversation! : '')
      if (!conversation) throw new Error(`client ${this.who} has not opened ${JSON.stringify(told)}`)
      return conversation
    }
    switch (told.do) {
      case 'work':
        return { agent: await until(this.#inbox.state, ({ me }) => me?.id) }
      case 'enter':
        this.conversations.push(told.conversation)
        this.#enter(told.conversation)
        return {}
      case 'send':
        return { id: told.note ? open().note(told.content) : open().send(told.content) }
      case 'read':
        for (const conversation of this.#open.values()) void conversation.read()
        return {}
      case 'typed':
        open().typed()
        return {}
      case 'reload':
        this.#inbox.stop()
        this.#open.clear()
        this.#work()
        return {}
      case 'call':
        return { answer: await this.#inbox.calls.call(told.name, told.args as never) }
      case 'show': {
        await Promise.all([...this.#open.values()].map(everything))
        const list = this.#inbox.state.get().conversations.map((row) => ({
          id: row.id, status: row.status, last_message_text: row.lastMessageText, unread_count: row.unreadCount,
        }))
        return { shows: [...this.#open].map(([id, conversation]) => this.#shown(id, conversation)), list, is_live: this.#inbox.state.get().isLive }
      }
      default:
        throw new Error(`an agent cannot ${told.do}`)
    }
  }

  stop(): void {
    this.#inbox.stop()
    void this.#supabase.realtime.disconnect()
  }

  #shown(id: string, { state }: AgentConversation): Shown {
    const { conversation, lines } = state.get()
    return {
      conversation: id,
      state: conversation && {
        status: conversation.status, priority: conversation.priority, assigned_agent_id: conversation.assignedAgentId,
      },
      ...rowsOf(lines),
    }
  }
}

const people = new Map<number, Visitor | Agent>()

async function follow(told: Told): Promise<Record<string, unknown>> {
  if (told.do === 'line') {
    line = { down: told.down, lost: told.lost, late: told.late }
    return {}
  }
  if (told.do === 'leave') {
    for (const somebody of people.values()) somebody.stop()
    return {}
  }
  if (told.do === 'visit') people.set(told.who, new Visitor(told.who, told.browser))
  if (told.do === 'work') people.set(told.who, new Agent(told.who, told.user, told.conversations))
  const somebody = people.get(told.who)
  if (!somebody) throw new Error(`there is no client ${told.who}`)
  return somebody.do(told)
}

for await (const text of createInterface({ input: process.stdin })) {
  const { n, ...told } = JSON.parse(text) as Told & { n: number }
  follow(told as Told).then(
    (answer) => say({ n, ...answer }),
    (thrown: unknown) => say({ n, refused: thrown instanceof Error ? { ...thrown, message: thrown.message } : String(thrown) }),
  )
}
process.exit(0)
