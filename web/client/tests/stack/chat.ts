// A visitor and an agent over a whole project: PROJECT_URL, ANON_KEY, AGENT_TOKEN, AGENT_USER, SITE_ID. Whether Realtime
// is there makes no difference: without it both sides look for themselves.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { createClient } from '@supabase/supabase-js'
import WebSocket from 'ws'
import { AgentInbox, Memory, VisitorChat, type AgentConversation, type Draft, type KeyValue } from '@pg-chat/client'
import { LiveChatAPI } from '@pg-chat/client/live-chat-api'

function setting(name: string): string {
  const value = process.env[name]
  assert.ok(value, `${name} is not set`)
  return value
}

const url = setting('PROJECT_URL')
const anonKey = setting('ANON_KEY')
const siteId = setting('SITE_ID')
const realtime = { transport: WebSocket as never }
const polling = { pollSeconds: 0.2, livePollSeconds: 5 }
const gone: (() => void)[] = []
after(() => gone.forEach((go) => go()))

/** Requests that a test lets fail. */
class Network {
  /** What happens to requests whose address has this in it. */
  fault: { address: string; is: 'down' | 'answer lost' } | null = null

  readonly fetch: typeof fetch = async (input, init) => {
    const address = input instanceof Request ? input.url : String(input)
    const fault = this.fault && address.includes(this.fault.address) ? this.fault.is : null
    if (fault === 'down') throw new TypeError('fetch failed')
    const answer = await fetch(input, init)
    if (fault === 'answer lost') throw new TypeError('terminated')
    return answer
  }
}

function visitor(storage: KeyValue = new Memory(), network = new Network()): VisitorChat {
  const chat = VisitorChat.open({ url, anonKey, siteId, storage, fetch: network.fetch, supabase: { realtime }, ...polling })
  gone.push(() => chat.stop())
  return chat
}

const supabase = createClient(url, anonKey, { accessToken: async () => setting('AGENT_TOKEN'), realtime })
const agentStorage = new Memory()

function agent(): AgentInbox {
  const inbox = new AgentInbox({
    supabase, url, anonKey, siteId, userId: setting('AGENT_USER'), storage: agentStorage,
    accessToken: async () => setting('AGENT_TOKEN'), ...polling,
  })
  gone.push(() => {
    inbox.stop()
    void supabase.realtime.disconnect()
  })
  return inbox
}

/** Waits until it is so; a state changes what is asked. */
async function until<S, T>(store: { get(): S; subscribe(listener: () => void): () => void }, what: string, is: (state: S) => T | undefined | null | false): Promise<T> {
  return new Promise((done, fails) => {
    const late = setTimeout(() => fails(new Error(`${what}: ${JSON.stringify(store.get())}`)), 30_000)
    const look = () => {
      const found = is(store.get())
      if (!found) return
      clearTimeout(late)
      stop()
      done(found)
    }
    let stop = () => {}
    stop = store.subscribe(look)
    look()
  })
}

type Lines = readonly { id: string; message: { content: string | null; status?: string } | null; draft: Draft | null }[]

/** Lines as words; a draft has its state behind it. */
function words(lines: Lines): string {
  return lines.map(({ message, draft }) => (draft ? `${draft.content} (${draft.state})` : message!.content)).join(', ')
}

function shows(chat: { state: { get(): { lines: Lines }; subscribe(listener: () => void): () => void } }, wanted: string): Promise<unknown> {
  return until(chat.state, `shows ${wanted}`, ({ lines }) => words(lines) === wanted)
}

async function opened(chat: VisitorChat, inbox: AgentInbox): Promise<AgentConversation> {
  const { id } = await until(chat.state, 'there is a conversation', ({ conversation }) => conversation)
  const row = await until(inbox.state, 'the inbox has it', ({ conversations }) => conversations.find((row) => row.id === id))
  assert.equal(row.siteId, siteId)
  return inbox.open(row.id)
}

test('a chat both ways: shown at once, answered, noted, ticked, read', async () => {
  const chat = visitor()
  const inbox = agent()
  await inbox.setStatus('online')
  const id = chat.send('Hello')
  assert.equal(words(chat.state.get().lines), 'Hello (sending)')
  await shows(chat, 'Hello')
  const conversation = await opened(chat, inbox)
  await shows(conversation, 'Hello')
  assert.equal(conversation.state.get().lines[0]!.id, id, 'the row has the id of its draft')
  conversation.note('a regular')
  conversation.send('Good day')
  assert.equal(words(conversation.state.get().lines), 'Hello, a regular (sending), Good day (sending)')
  await shows(conversation, 'Hello, a regular, Good day')
  await shows(chat, 'Hello, Good day')
  await conversation.read()
  await until(chat.state, 'the visitor sees that it was read', ({ lines }) => lines[0]?.message?.status === 'read')
  await until(conversation.state, 'the agent sees that it arrived', ({ lines }) => lines[2]?.message?.status === 'delivered')
  await chat.read()
  await until(conversation.state, 'and was read', ({ lines }) => lines[2]?.message?.status === 'read')
  assert.ok(inbox.state.get().counts, 'there are badges')
  assert.equal(inbox.state.get().me?.status, 'online')
  chat.stop()
  inbox.stop()
})

test('an answer that was lost: sent again it is the same message', async () => {
  const network = new Network()
  const chat = visitor(new Memory(), network)
  chat.send('one')
  await shows(chat, 'one')
  network.fault = { address: 'chat_post_message', is: 'answer lost' }
  chat.send('two')
  chat.send('three')
  await until(chat.state, 'the outbox says what is in the way', ({ lines }) => lines.some(({ draft }) => draft?.error?.code === 'offline'))
  network.fault = null
  await shows(chat, 'one, two, three')
  chat.stop()
})

test('a reload in the middle of a send: the next page sends it, once', async () => {
  const storage = new Memory()
  const network = new Network()
  const before = visitor(storage, network)
  before.send('before')
  await shows(before, 'before')
  network.fault = { address: 'chat_post_message', is: 'answer lost' }
  before.send('in the middle')
  before.send('and after it')
  await until(before.state, 'it is stuck', ({ lines }) => lines.some(({ draft }) => draft?.error))
  before.stop()
  const person = before.state.get().visitorId
  const next = visitor(storage)
  assert.match(words(next.state.get().lines), /and after it \(sending\)$/, 'it is shown before anything is loaded')
  await shows(next, 'before, in the middle, and after it')
  assert.equal(next.state.get().visitorId, person, 'the same person')
  assert.equal([...Array(storage.length).keys()].filter((n) => storage.key(n)!.includes('outbox')).length, 0)
  next.stop()
})

test('nothing answers: what is typed waits in order, and goes when it can', async () => {
  const network = new Network()
  network.fault = { address: '', is: 'down' }
  const chat = visitor(new Memory(), network)
  for (const text of ['a', 'b', 'c']) chat.send(text)
  await until(chat.state, 'it says so', ({ error }) => error?.code === 'offline')
  assert.equal(chat.state.get().session, 'opening')
  network.fault = null
  await shows(chat, 'a, b, c')
  assert.equal(chat.state.get().error, null)
  chat.stop()
})

test('what is refused says why and does not hold up what follows', async () => {
  const chat = visitor()
  const id = chat.send('x'.repeat(100_001))
  chat.send('short')
  const draft = await until(chat.state, 'it is refused', ({ lines }) => lines.find((line) => line.draft?.state === 'failed')?.draft)
  assert.equal(draft.error?.code, 'chat/text_length')
  await until(chat.state, 'the next is sent', ({ lines }) => lines[0]?.message?.content === 'short')
  chat.discard(id)
  await shows(chat, 'short')
  chat.stop()
})

test('files both ways, with the same bytes', async () => {
  const bytes = new Uint8Array([137, 80, 78, 71, 13, 10, 26, 10, 1, 2, 3])
  const chat = visitor()
  const inbox = agent()
  const file = chat.sendFile(new File([bytes], 'a cat.png', { type: 'image/png' }), 'see')
  assert.equal(chat.state.get().lines[0]?.draft?.state, 'uploading')
  await shows(chat, 'see')
  const conversation = await opened(chat, inbox)
  await shows(conversation, 'see')
  const got = await fetch((await inbox.fileUrl(file))!)
  assert.deepEqual(new Uint8Array(await got.arrayBuffer()), bytes)
  const answer = conversation.sendFile(new File([bytes], 'offer.pdf', { type: 'application/pdf' }), 'ours')
  await shows(chat, 'see, ours')
  const theirs = await fetch((await chat.fileUrl(answer))!)
  assert.deepEqual(new Uint8Array(await theirs.arrayBuffer()), bytes)
  chat.sendFile(new File([bytes], 'a.exe', { type: 'application/x-msdownload' }))
  await until(chat.state, 'a type that is not taken', ({ lines }) => lines.at(-1)?.draft?.error?.code === 'chat/file_type')
  chat.stop()
  inbox.stop()
})

test('a long chat comes in pages', async () => {
  const chat = visitor()
  const inbox = agent()
  chat.send('first')
  await shows(chat, 'first')
  const conversation = await opened(chat, inbox)
  await shows(conversation, 'first')
  const wanted = ['first', ...Array.from({ length: 60 }, (_, n) => `answer ${n}`)]
  for (const text of wanted.slice(1)) conversation.send(text)
  await shows(conversation, wanted.join(', '))
  await shows(chat, wanted.join(', '))
  conversation.close()
  const again = inbox.open(conversation.id)
  await shows(again, wanted.slice(-50).join(', '))
  assert.ok(again.state.get().hasOlder)
  await again.older()
  assert.equal(words(again.state.get().lines), wanted.join(', '))
  assert.ok(!again.state.get().hasOlder)
  chat.stop()
  inbox.stop()
})

test('two tabs are one person, and both show everything once', async () => {
  const storage = new Memory()
  const one = visitor(storage)
  one.send('from one')
  await shows(one, 'from one')
  const two = visitor(storage)
  await shows(two, 'from one')
  two.send('from two')
  await shows(one, 'from one, from two')
  assert.equal(one.state.get().visitorId, two.state.get().visitorId)
  one.stop()
  two.stop()
})

test('rated, ended, begun again, signed out', async () => {
  const storage = new Memory()
  const chat = visitor(storage)
  chat.send('Thanks')
  await shows(chat, 'Thanks')
  await until(chat.state, 'there is a conversation', ({ conversation }) => conversation?.archivedAt === null)
  await chat.end()
  await until(chat.state, 'it has ended', ({ conversation }) => conversation && conversation.archivedAt !== null)
  chat.send('One more thing')
  await until(chat.state, 'it is said', ({ lines, conversation }) =>
    lines.at(-1)?.message?.content === 'One more thing' && conversation?.archivedAt === null)
  await chat.signOut()
  assert.equal(storage.length, 0)
  const stranger = visitor(storage)
  await until(stranger.state, 'somebody new', ({ session }) => session === 'open')
  assert.notEqual(stranger.state.get().visitorId, chat.state.get().visitorId)
  stranger.stop()
})

test('code written for LiveChatAPI moves over', async () => {
  const chat = visitor()
  const api = new LiveChatAPI(chat)
  const none = await api.startChatSession({ customer_name: 'Zoe', customer_email: 'zoe@example.com', page_url: 'https://shop.example/' })
  assert.equal(none, null, 'before the first message there is no session')
  const said = await api.sendMessage({ message: 'Hello', sender_type: 'customer' })
  assert.equal(said.sender_type, 'customer')
  const session = await api.getSession(said.session_id)
  assert.ok(session && ['waiting', 'active'].includes(session.status))
  const heard: string[] = []
  const stop = api.subscribeToMessages(said.session_id, (message) => heard.push(message.message))
  await api.sendMessage({ session_id: said.session_id, message: 'Anybody?' })
  await shows(chat, 'Hello, Anybody?')
  assert.deepEqual(heard, ['Hello', 'Anybody?'])
  stop()
  assert.equal((await api.getMessages(said.session_id)).length, 2)
  await api.endSession(said.session_id)
  assert.equal((await api.getSession(said.session_id))?.status, 'ended')
  chat.stop()
})
