// What clients say to each other.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  SILENCE, Wire, anonKey, becomes, close, connect, fresh, hears, joined, now, onDouble, open, refused, set, sign, sleep, until,
  url,
} from '../stage.mjs'

let one, two
before(async () => {
  await open()
  one = connect()
  two = connect()
})
after(close)

const say = (channel, payload = { n: 1 }) => channel.send({ type: 'broadcast', event: 'ev', payload })
const silent = async (channel) => {
  await sleep(SILENCE)
  assert.deepEqual(channel.heard, [])
}
/** A channel of each client. */
const both = async (topic, config) => [await joined(one, topic, config), await joined(two, topic, config)]

test('the others hear it, and who said it does not', async () => {
  const [from, to] = await both(fresh())
  assert.equal(await say(from), 'ok')
  const [{ type, event, payload, meta }] = await hears(to)
  assert.deepEqual([type, event, payload, meta], ['broadcast', 'ev', { n: 1 }, undefined])
  await silent(from)
})
test('who asked for it hears itself', async () => {
  const channel = await joined(one, fresh(), { broadcast: { self: true } })
  await say(channel)
  assert.equal((await hears(channel))[0].payload.n, 1)
})
test('an acknowledgement comes when it was asked for', async () => {
  const [from] = await both(fresh(), { broadcast: { ack: true } })
  assert.equal(await say(from), 'ok')
  const wire = await Wire.open()
  for (const [ack, replies] of [[true, 1], [false, 0]]) {
    const topic = fresh()
    const { ref } = await wire.join(topic, { private: true, broadcast: { ack } })
    const said = wire.push(`realtime:${topic}`, 'broadcast', { type: 'broadcast', event: 'ev', payload: {} }, ref)
    await wire.reply(wire.push('phoenix', 'heartbeat'))
    await sleep(SILENCE)
    assert.equal(wire.texts().filter((text) => text.ref === said).length, replies)
  }
})
test('without the right it is dropped without a word, acknowledgement or not', async () => {
  const topic = fresh('read')
  const [from, to] = await both(topic)
  await say(from)
  await silent(to)
  const asking = connect(undefined, { timeout: 3_000 })
  const channel = await joined(asking, topic, { broadcast: { ack: true } })
  assert.equal(await say(channel), 'timed out')
})
test('bytes arrive as bytes', async () => {
  const [from, to] = await both(fresh())
  await say(from, Uint8Array.from([0, 255, 7]).buffer)
  assert.deepEqual([...new Uint8Array((await hears(to))[0].payload)], [0, 255, 7])
})
test('names and words may be of any script', async () => {
  const [from, to] = await both(`${fresh()}:büro-日本`)
  await from.send({ type: 'broadcast', event: 'tippt ✍️', payload: { text: 'žluťoučký 🐎' } })
  const [{ event, payload }] = await hears(to)
  assert.deepEqual([event, payload], ['tippt ✍️', { text: 'žluťoučký 🐎' }])
})
test('a text push in either version is the same as a binary one', async () => {
  for (const vsn of ['1.0.0', '2.0.0']) {
    const topic = fresh()
    const to = await joined(two, topic)
    const wire = await Wire.open({ vsn })
    const { ref } = await wire.join(topic, { private: true })
    wire.push(`realtime:${topic}`, 'broadcast', { type: 'broadcast', event: 'ev', payload: { vsn } }, ref)
    assert.deepEqual((await hears(to))[0].payload, { vsn })
  }
})
test('a client of version 1.0.0 hears one of 2.0.0', async () => {
  const topic = fresh()
  const from = await joined(one, topic)
  const wire = await Wire.open({ vsn: '1.0.0' })
  await wire.join(topic, { private: true })
  await say(from, { n: 7 })
  assert.deepEqual((await wire.got('broadcast')).payload, { type: 'broadcast', event: 'ev', payload: { n: 7 } })
})
test('one that is too large is refused to who asked', onDouble, async () => {
  await set({ max_payload_bytes: 100 })
  const [asks] = await both(fresh(), { broadcast: { ack: true } })
  assert.equal(await say(asks, { text: 'x'.repeat(100) }), 'error')
  assert.equal(await say(asks), 'ok')
  await set()
})
test('too many messages a second close the channel for good', onDouble, async () => {
  const channel = await joined(one, fresh())
  await set({ max_events_per_second: 0 })
  await say(channel)
  await say(channel)
  await becomes(channel, 'CLOSED')
  assert.equal(channel.said.at(-1).message, 'Too many messages per second')
  await set()
})
test('each delivery counts as a message', onDouble, async () => {
  const topic = fresh()
  const [from, to] = await both(topic)
  // 60 in a minute: 30 that are said, each heard by one.
  await set({ max_events_per_second: 1 })
  for (let n = 0; n < 32; n++) await say(from, { n })
  await becomes(from, 'CLOSED')
  await set()
  assert.equal(to.heard.length, 31)
})

// Over HTTP ------------------------------------------------------------------------------------------------------------

const post = (path, body, { token = anonKey, type = 'application/json' } = {}) =>
  fetch(`${url}/realtime/v1/api/broadcast${path}`, {
    method: 'POST',
    headers: { ...(token && { apikey: token }), 'Content-Type': type },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
const batch = (...messages) => post('', { messages })
const event = (topic, more = '?private=true') => `/${encodeURIComponent(topic)}/events/ev${more}`

test('a batch over HTTP is taken with 202 and told as text', async () => {
  const topic = fresh()
  const to = await joined(two, topic)
  const wire = await Wire.open()
  await wire.join(topic, { private: true })
  const answer = await batch({ topic, event: 'ev', payload: { n: 1 }, private: true })
  assert.deepEqual([answer.status, await answer.text()], [202, ''])
  assert.deepEqual((await hears(to))[0].payload, { n: 1 })
  await wire.got('broadcast')
  assert.equal(wire.binaries().length, 0)
})
test('a batch leaves out what may not be written, without a word', async () => {
  const [closed, allowed] = [fresh('read'), fresh()]
  const [silence, to] = [await joined(one, closed), await joined(two, allowed)]
  const message = { event: 'ev', payload: {}, private: true }
  assert.equal((await batch({ topic: closed, ...message }, { topic: allowed, ...message })).status, 202)
  await hears(to)
  await silent(silence)
})
test('a batch is public where it does not say', async () => {
  const topic = fresh('closed')
  const to = await joined(two, topic, { private: false })
  assert.equal((await batch({ topic, event: 'ev', payload: { n: 1 } })).status, 202)
  await hears(to)
})
test('a batch that makes no sense is refused with 422', async () => {
  for (const body of [{}, { messages: [{ topic: 'x' }] }, { messages: [{ topic: 'x', event: 'ev', payload: 7 }] }, { messages: [{ topic: '', event: '', payload: {} }] }]) {
    assert.equal((await post('', body)).status, 422, JSON.stringify(body))
  }
})
test('without a good token nothing is taken over HTTP', async () => {
  for (const token of ['', 'nonsense', sign({ role: 'anon', exp: now() - 5 })]) {
    assert.equal((await post('', { messages: [] }, { token })).status, 401)
    assert.equal((await post(event(fresh()), {}, { token })).status, 401)
  }
})
test('the client\'s httpSend is told as binary', async () => {
  const topic = fresh()
  const from = one.channel(topic, { config: { private: true } })
  const wire = await Wire.open()
  await wire.join(topic, { private: true })
  assert.deepEqual(await from.httpSend('ev', { n: 1 }), { success: true })
  await until('the binary frame', () => wire.binaries().length)
  assert.equal(wire.binaries()[0][0], 4)
})
test('bytes may be sent over HTTP', async () => {
  const topic = fresh()
  const to = await joined(two, topic)
  assert.equal((await post(event(topic), 'abc', { type: 'application/octet-stream' })).status, 202)
  assert.equal(Buffer.from((await hears(to))[0].payload).toString(), 'abc')
})
test('one message over HTTP says when it may not be written', async () => {
  assert.equal((await post(event(fresh('read')), {})).status, 403)
})
test('one message over HTTP says what it is', async () => {
  assert.equal((await post(event(fresh()), 'x', { type: 'text/plain' })).status, 415)
  assert.equal((await post(event(fresh()), '{')).status, 422)
})
test('what is too large or too much is refused over HTTP', onDouble, async () => {
  await set({ max_payload_bytes: 100 })
  const payload = { text: 'x'.repeat(100) }
  assert.equal((await batch({ topic: fresh(), event: 'ev', payload })).status, 422)
  assert.equal((await post(event(fresh()), payload)).status, 422)
  await set({ max_events_per_second: 0 })
  assert.equal((await batch({ topic: fresh(), event: 'ev', payload: {} })).status, 202)
  assert.equal((await batch({ topic: fresh(), event: 'ev', payload: {} })).status, 429)
  await set()
})
test('a channel that is not joined says it over HTTP', async () => {
  const topic = fresh()
  const to = await joined(two, topic)
  const from = one.channel(topic, { config: { private: true } })
  assert.equal(await from.send({ type: 'broadcast', event: 'ev', payload: { n: 1 } }), 'ok')
  assert.deepEqual((await hears(to))[0].payload, { n: 1 })
})
test('a channel that was refused hears nothing', async () => {
  const topic = fresh('closed')
  await refused(one, topic)
  const to = await joined(two, topic, { private: false })
  await batch({ topic, event: 'ev', payload: {}, private: false })
  await hears(to)
})
