// Who is there.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  SILENCE, Wire, becomes, bye, close, connect, fresh, joined, onDouble, open, set, sleep, until, watchPresence,
} from '../stage.mjs'

let one, two
before(async () => {
  await open()
  one = connect()
  two = connect()
})
after(close)

const there = (client, topic, key = '') => joined(client, topic, { presence: { key } }, watchPresence)
const statusOf = (channel, key) => channel.presenceState()[key]?.map((meta) => meta.status)
const shows = (channel, key, status) =>
  until(`${key} ${status}, so far ${JSON.stringify(channel.presenceState())}`, () => statusOf(channel, key)?.includes(status))
/** A bare join that asks for presence. */
const bare = async (topic, key = '') => {
  const wire = await Wire.open()
  const { ref } = await wire.join(topic, { private: true, presence: { key, enabled: true } })
  const said = (payload) => wire.push(`realtime:${topic}`, 'presence', { type: 'presence', ...payload }, ref)
  return Object.assign(wire, { ref, said })
}

test('who joins is told who is there', async () => {
  const topic = fresh()
  const ada = await there(one, topic, 'ada')
  assert.equal(await ada.track({ status: 'online' }), 'ok')
  await shows(ada, 'ada', 'online')
  const late = await bare(topic)
  const state = await late.got('presence_state')
  const [{ phx_ref: ref, ...meta }] = state.payload.ada.metas
  assert.deepEqual(meta, { status: 'online' })
  assert.ok(ref)
})
test('the state comes after the reply, with the reference of the join', async () => {
  const wire = await bare(fresh())
  const state = await wire.got('presence_state')
  assert.deepEqual([state.payload, state.join_ref], [{}, wire.ref])
  assert.deepEqual(wire.texts().map((text) => text.event), ['phx_reply', 'presence_state'])
})
test('the others are told who comes and goes', async () => {
  const topic = fresh()
  const [ada, ben] = [await there(one, topic, 'ada'), await there(two, topic, 'ben')]
  await ada.track({ status: 'online' })
  await shows(ben, 'ada', 'online')
  assert.ok(ben.presenceState().ada[0].presence_ref)
  await ada.untrack()
  await until('Ada has gone', () => !ben.presenceState().ada)
  const events = ben.seen.map((told) => told.event).filter((event) => event !== 'sync')
  assert.deepEqual(events, ['join', 'leave'])
})
test('who tracks again is updated', async () => {
  const topic = fresh()
  const watcher = await bare(topic)
  const ada = await there(one, topic, 'ada')
  await ada.track({ status: 'online' })
  await ada.track({ status: 'away' })
  const isAway = (text) => text.payload.joins.ada?.metas[0].status === 'away'
  const { payload, join_ref: joinRef } = await watcher.got('presence_diff', isAway)
  const before = payload.leaves.ada.metas[0]
  assert.equal(before.status, 'online')
  assert.equal(payload.joins.ada.metas[0].phx_ref_prev, before.phx_ref)
  assert.equal(joinRef, null)
  await until('one of them', () => ada.presenceState().ada?.length === 1)
})
test('who tracks the same again changes nothing', async () => {
  const topic = fresh()
  const watcher = await bare(topic)
  const ada = await there(one, topic, 'ada')
  for (let time = 0; time < 2; time++) assert.equal(await ada.track({ status: 'online' }), 'ok')
  await sleep(SILENCE)
  assert.equal(watcher.texts().filter((text) => text.event === 'presence_diff').length, 1)
})
test('two sockets of one key are two', async () => {
  const topic = fresh()
  const [tab, other] = [await there(one, topic, 'ada'), await there(two, topic, 'ada')]
  await tab.track({ status: 'here' })
  await other.track({ status: 'there' })
  await until('both', () => statusOf(tab, 'ada')?.sort().join() === 'here,there')
})
test('without a key the server makes one', async () => {
  const ada = await there(one, fresh())
  await ada.track({ status: 'online' })
  const [key] = await until('a key', () => Object.keys(ada.presenceState()).length && Object.keys(ada.presenceState()))
  assert.match(key, /^[0-9a-f]{8}-[0-9a-f-]{27}$/)
})
test('a socket that ends leaves', async () => {
  const topic = fresh()
  const ben = await there(two, topic, 'ben')
  const wire = await bare(topic, 'ada')
  await wire.reply(wire.said({ event: 'track', payload: { status: 'online' } }))
  await shows(ben, 'ada', 'online')
  wire.socket.terminate()
  await until('Ada has gone', () => !ben.presenceState().ada)
})
test('a channel that is left leaves', async () => {
  const topic = fresh()
  const ben = await there(two, topic, 'ben')
  const client = connect()
  const ada = await there(client, topic, 'ada')
  await ada.track({ status: 'online' })
  await shows(ben, 'ada', 'online')
  await client.removeChannel(ada)
  await until('Ada has gone', () => !ben.presenceState().ada)
  await bye(client)
})
test('the name of an event may be written in any case', async () => {
  const wire = await bare(fresh(), 'ada')
  const reply = await wire.reply(wire.said({ event: 'TRACK', payload: { status: 'online' } }))
  assert.deepEqual(reply.payload, { status: 'ok', response: {} })
  await wire.got('presence_diff')
})
test('what is tracked must be an object', async () => {
  const wire = await bare(fresh())
  for (const payload of ['x', 7, []]) {
    assert.equal((await wire.reply(wire.said({ event: 'track', payload }))).payload.status, 'error')
  }
})
test('without the right to write nobody is tracked', async () => {
  const topic = fresh('present')
  const ada = await there(one, topic, 'ada')
  assert.equal(await ada.track({ status: 'online' }), 'error')
  await sleep(SILENCE)
  assert.deepEqual(ada.presenceState(), {})
})
test('who does not listen to presence may track all the same, and is told nothing', async () => {
  const topic = fresh()
  const ben = await there(two, topic, 'ben')
  const wire = await Wire.open()
  const { ref } = await wire.join(topic, { private: true, presence: { key: 'ada', enabled: false } })
  const track = wire.push(`realtime:${topic}`, 'presence', { type: 'presence', event: 'track', payload: { status: 'online' } }, ref)
  assert.equal((await wire.reply(track)).payload.status, 'ok')
  await shows(ben, 'ada', 'online')
  assert.ok(!wire.texts().some((text) => text.event === 'presence_state'))
})
test('presence of a private and of a public channel are two', async () => {
  const topic = fresh()
  const ada = await there(one, topic, 'ada')
  await ada.track({ status: 'online' })
  const wire = await Wire.open()
  await wire.join(topic, { private: false, presence: { key: '', enabled: true } })
  assert.deepEqual((await wire.got('presence_state')).payload, {})
})
test('too many changes of one channel close it for good', onDouble, async () => {
  const ada = await there(one, fresh(), 'ada')
  for (let n = 0; n < 5; n++) assert.equal(await ada.track({ n }), 'ok')
  ada.track({ n: 5 })
  await becomes(ada, 'CLOSED')
  assert.equal(ada.said.at(-1).message, 'Client presence rate limit exceeded')
})
test('too many changes of all channels close the one that is over', onDouble, async () => {
  const ada = await there(one, fresh(), 'ada')
  await set({ max_presence_events_per_second: 0 })
  ada.track({ n: 1 })
  await becomes(ada, 'CLOSED')
  assert.equal(ada.said.at(-1).message, 'Too many presence messages per second')
  await set()
})
test('who tracks too much is closed for good', onDouble, async () => {
  const ada = await there(one, fresh(), 'ada')
  await set({ max_payload_bytes: 100 })
  ada.track({ text: 'x'.repeat(100) })
  await becomes(ada, 'CLOSED')
  assert.equal(ada.said.at(-1).message, 'Track message size exceeded')
  await set()
})
