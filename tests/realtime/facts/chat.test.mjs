// What an agent and a visitor see of each other, live: the topics of pg_chat under their own policies.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import {
  SILENCE, anonKey, bye, close, hears, joined, open, ready, refused, signedIn, siteId, sleep, until, url, user,
  watchPresence,
} from '../stage.mjs'

/** A call over HTTP; its body. */
async function call(path, body, token = anonKey, method = 'POST') {
  const answer = await fetch(`${url}${path}`, {
    method,
    headers: { apikey: anonKey, Authorization: `Bearer ${token}`, 'Content-Type': 'application/json', Prefer: 'return=representation' },
    ...(body && { body: JSON.stringify(body) }),
  })
  const text = await answer.text()
  assert.ok(answer.ok, `${path}: ${answer.status} ${text}`)
  return text ? JSON.parse(text) : null
}
const rpc = (name, body, token) => call(`/rest/v1/rpc/${name}`, body, token)

/** Somebody new who has opened the widget and said hello. */
async function newVisitor(name) {
  const session = await rpc('chat_open_session', { site: siteId })
  const given = { name, email: `${randomUUID()}@example.org` }
  await rpc('chat_submit_form', { form: 'pre_chat', given }, session.token)
  const message = await rpc('chat_post_message', { content: 'Hello' }, session.token)
  const { conversation_id: conversation } = Array.isArray(message) ? message[0] : message
  return { ...session, conversation }
}

let ada, zoe, agent, visitor
const answer = (content, more = {}) =>
  call('/rest/v1/mod_chat_messages', { id: randomUUID(), conversation_id: zoe.conversation, content, ...more }, ada.token)

before(async () => {
  await open()
  const { AGENT_EMAIL: email, AGENT_PASSWORD: password } = process.env
  ada = { token: (await call('/auth/v1/token?grant_type=password', { email, password })).access_token }
  const [row] = await call(`/rest/v1/mod_chat_agents?site_id=eq.${siteId}&select=id,display_name,user_id`, null, ada.token, 'GET')
    .then((rows) => rows.filter((one) => one.user_id === JSON.parse(Buffer.from(ada.token.split('.')[1], 'base64url')).sub))
  Object.assign(ada, row)
  zoe = await newVisitor('Zoe')
  agent = await signedIn(ada.token)
  visitor = await signedIn(zoe.token)
})
after(close)

test('a visitor hears what an agent answers, and the agent what the visitor writes', async () => {
  const [topic] = zoe.topics
  const atVisitor = await ready(visitor, topic)
  const atAgent = await ready(agent, `chat:conversation:${zoe.conversation}`)
  const inInbox = await ready(agent, `chat:site:${siteId}`)

  const [sent] = await answer('Hello Zoe')
  const told = await until('the answer', () => atVisitor.heard.find((one) => one.payload.message_id === sent.id))
  assert.equal(told.event, 'new_message')
  assert.deepEqual([told.payload.v, told.payload.type, told.payload.conversation_id], [1, 'new_message', zoe.conversation])

  const written = await rpc('chat_post_message', { content: 'Thank you' }, zoe.token)
  const id = (Array.isArray(written) ? written[0] : written).id
  for (const channel of [atAgent, inInbox, atVisitor]) {
    await until(`the thanks on ${channel.topic}`, () => channel.heard.find((one) => one.payload.message_id === id))
  }
  for (const client of [agent, visitor]) await client.removeAllChannels()
})

test('each change names the one before it on its topic, and a note is no change for the visitor', async () => {
  const atVisitor = await ready(visitor, zoe.topics[0])
  const atAgent = await ready(agent, `chat:conversation:${zoe.conversation}`)
  await answer('One')
  const [note] = await answer('She is a VIP', { kind: 'note' })
  const [last] = await answer('Two')
  const ofLast = (channel) => () => channel.heard.find((one) => one.payload.message_id === last.id && one.event === 'new_message')
  await until('the last', ofLast(atAgent))
  await until('the last', ofLast(atVisitor))
  for (const { heard } of [atVisitor, atAgent]) {
    for (let at = 1; at < heard.length; at++) assert.equal(heard[at].payload.prev, heard[at - 1].payload.change)
  }
  const names = (channel) => channel.heard.map((one) => one.payload.message_id)
  assert.ok(names(atAgent).includes(note.id))
  assert.ok(!names(atVisitor).includes(note.id))
  for (const client of [agent, visitor]) await client.removeAllChannels()
})

test('both see that the other types', async () => {
  const topic = `chat:typing:${zoe.conversation}`
  const [atAgent, atVisitor] = [await joined(agent, topic), await joined(visitor, topic)]
  await atVisitor.send({ type: 'broadcast', event: 'typing_start', payload: { by: 'visitor' } })
  assert.deepEqual((await hears(atAgent))[0].payload, { by: 'visitor' })
  await atAgent.send({ type: 'broadcast', event: 'typing_start', payload: { by: 'agent' } })
  assert.deepEqual((await hears(atVisitor))[0].payload, { by: 'agent' })
  for (const client of [agent, visitor]) await client.removeAllChannels()
})

test('agents see who of them is there', async () => {
  const topic = `chat:presence:${siteId}`
  const other = await signedIn(ada.token)
  const config = (key) => ({ presence: { key } })
  const one = await joined(agent, topic, config(ada.id), watchPresence)
  const two = await joined(other, topic, config(randomUUID()), watchPresence)
  await one.track({ agentId: ada.id, status: 'online', currentChats: 1, lastSeen: new Date().toISOString() })
  const state = await until('Ada', () => two.presenceState()[ada.id])
  assert.deepEqual([state[0].agentId, state[0].status], [ada.id, 'online'])
  await agent.removeAllChannels()
  await until('Ada has gone', () => !two.presenceState()[ada.id])
  await bye(other)
})

test('a visitor may join no topic but their own and that of typing', async () => {
  const max = await newVisitor('Max')
  const presence = (channel) => watchPresence(channel)
  for (const topic of [
    `chat:site:${siteId}`, `chat:conversation:${zoe.conversation}`, `chat:presence:${siteId}`,
    max.topics[0], `chat:typing:${max.conversation}`, `${zoe.topics[0]}x`, zoe.topics[0].toUpperCase(), 'chat:visitor:', 'other',
  ]) {
    const why = await refused(visitor, topic, { presence: { key: 'x' } }, presence)
    assert.match(why, /Unauthorized: You do not have permissions to read from this Channel topic/, topic)
  }
})

test('somebody who is signed in and nothing more may join none', async () => {
  const stranger = await signedIn(user())
  for (const noun of ['site', 'presence']) await refused(stranger, `chat:${noun}:${siteId}`, {}, watchPresence)
  for (const noun of ['conversation', 'typing']) await refused(stranger, `chat:${noun}:${zoe.conversation}`)
  await refused(stranger, zoe.topics[0])
  await bye(stranger)
})

test('nobody but the database speaks where it does', async () => {
  for (const [client, topic] of [
    [visitor, zoe.topics[0]], [agent, `chat:conversation:${zoe.conversation}`], [agent, `chat:site:${siteId}`],
  ]) {
    const mouth = await joined(client, topic, { broadcast: { self: true } })
    await mouth.send({ type: 'broadcast', event: 'new_message', payload: { forged: true } })
    await sleep(SILENCE)
    assert.ok(!mouth.heard.some((one) => one.payload.forged), topic)
    await client.removeAllChannels()
  }
})

test('a session that is over joins nothing any more', async () => {
  const gone = await newVisitor('Eve')
  const client = await signedIn(gone.token)
  const channel = await joined(client, gone.topics[0])
  await rpc('chat_end_session', {}, gone.token)
  await client.removeChannel(channel)
  assert.match(await refused(client, gone.topics[0]), /Unauthorized/)
  await bye(client)
})

test('what a visitor hears holds no name of an agent', async () => {
  const atVisitor = await ready(visitor, zoe.topics[0])
  const [sent] = await answer('Still there?')
  await until('the answer', () => atVisitor.heard.some((one) => one.payload.message_id === sent.id))
  const all = JSON.stringify(atVisitor.heard)
  for (const hidden of [ada.display_name, ada.id, process.env.AGENT_EMAIL]) assert.ok(!all.includes(hidden), all)
  await visitor.removeAllChannels()
})
