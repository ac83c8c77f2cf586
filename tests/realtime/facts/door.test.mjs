// Opening a socket, and what stands on the wire.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  Wire, anonKey, bye, close, connect, fresh, now, onDouble, open, set, sign, sleep, state, until, url } from '../stage.mjs'

before(open)
after(close)

const refusal = (options) => Wire.open(options).then(() => assert.fail('it opened'), ({ status, body }) => [status, body])
const without = (key) => refusal({ key })

test('without a key a socket is refused before it opens', async () => {
  assert.deepEqual(await without(''), [401, { error: 'API key is missing' }])
})
test('a key that has expired is refused', async () => {
  assert.deepEqual(await without(sign({ role: 'anon', exp: now() - 5 })), [401, { error: 'Token has expired' }])
})
test('a key needs a role and an expiry', async () => {
  const error = 'Fields `role` and `exp` are required in JWT'
  assert.deepEqual(await without(sign({ role: 'anon' })), [401, { error }])
  assert.deepEqual(await without(sign({ exp: now() + 60 })), [401, { error }])
})
test('a key must be a token', async () => {
  assert.deepEqual(await without('nonsense'), [401, { error: 'The token provided is not a valid JWT' }])
})
test('a key of another project is refused', async () => {
  const foreign = sign({ role: 'anon', exp: now() + 60 }, 'another secret')
  assert.deepEqual(await without(foreign), [401, { error: 'Failed to validate JWT signature' }])
})
test('the header x-api-key counts before the address', async () => {
  await Wire.open({ key: 'nonsense', headers: { 'x-api-key': anonKey } })
  assert.equal((await refusal({ headers: { 'x-api-key': 'nonsense' } }))[0], 401)
})
test('one socket too many is refused with 429', onDouble, async () => {
  const { sockets } = await state()
  await set({ max_concurrent_users: sockets + 1 })
  const last = await Wire.open()
  assert.deepEqual(await refusal({}), [429, { error: 'Too many connected users' }])
  last.socket.close()
  await last.ended()
  await set()
})
test('a refusal comes late', onDouble, async () => {
  await set({ connect_error_delay_ms: 300 })
  const began = Date.now()
  await without('')
  assert.ok(Date.now() - began >= 300)
  await set()
})
test('a heartbeat is answered, in both versions', async () => {
  for (const vsn of ['1.0.0', '2.0.0']) {
    const wire = await Wire.open({ vsn })
    const ref = wire.push('phoenix', 'heartbeat')
    const reply = await wire.reply(ref)
    assert.deepEqual([reply.topic, reply.join_ref, reply.payload], ['phoenix', null, { status: 'ok', response: {} }])
  }
})
test('version 1.0.0 writes objects, 2.0.0 arrays', async () => {
  for (const [vsn, isArray] of [['1.0.0', false], ['2.0.0', true]]) {
    const wire = await Wire.open({ vsn })
    await wire.reply(wire.push('phoenix', 'heartbeat'))
    assert.equal(Array.isArray(wire.frames[0]), isArray)
  }
})
test('malformed frames are dropped and the socket stays', async () => {
  const wire = await Wire.open()
  for (const frame of ['', '{', '[]', '"x"', '[1,2]', Buffer.from([3, 255, 0]), Buffer.from([9])]) wire.socket.send(frame)
  await wire.reply(wire.push('phoenix', 'heartbeat'))
  assert.equal(wire.frames.length, 1)
})
test('a frame of more than 5,000,000 bytes ends the socket', async () => {
  const wire = await Wire.open()
  const frame = (bytes) => `"${'x'.repeat(bytes - 2)}"`
  wire.socket.send(frame(5_000_000))
  await wire.reply(wire.push('phoenix', 'heartbeat'))
  wire.socket.send(frame(5_000_001))
  await wire.ended()
})
test('the client waits as long as it says', async () => {
  const client = connect(undefined, { timeout: undefined })
  const waits = (after) => [1, 2, 3, 4, 5, 100].map((tries) => after(tries) / 1000)
  assert.deepEqual([client.heartbeatIntervalMs, client.timeout], [25_000, 10_000])
  assert.deepEqual(waits(client.reconnectAfterMs), [1, 2, 5, 10, 10, 10])
  await bye(client)
})
test('a message to a topic that was not joined is refused', async () => {
  const wire = await Wire.open()
  for (const topic of [`realtime:${fresh()}`, 'another']) {
    const reply = await wire.reply(wire.push(topic, 'broadcast', { type: 'broadcast', event: 'x', payload: {} }))
    assert.deepEqual(reply.payload, { status: 'error', response: { reason: 'unmatched topic' } })
  }
})
test('leaving what was not joined is well', async () => {
  const wire = await Wire.open()
  const reply = await wire.reply(wire.push(`realtime:${fresh()}`, 'phx_leave'))
  assert.deepEqual(reply.payload, { status: 'ok', response: {} })
})
test('leaving is answered and then closes the channel with its join_ref', async () => {
  const wire = await Wire.open()
  const topic = fresh()
  const { ref: join } = await wire.join(topic, { private: true })
  const leave = wire.push(`realtime:${topic}`, 'phx_leave', {}, join)
  const closed = await wire.got('phx_close')
  assert.deepEqual([closed.ref, closed.payload], [join, {}])
  const order = wire.texts().map((one) => [one.event, one.ref])
  assert.deepEqual(order.slice(-2), [['phx_reply', leave], ['phx_close', join]])
})
test('a socket that says nothing is closed', onDouble, async () => {
  await set({ idle_timeout_ms: 200 })
  const quiet = await Wire.open()
  assert.equal(await quiet.ended(), 1000)
  await set()
})
test('heartbeats keep a socket open', onDouble, async () => {
  await set({ idle_timeout_ms: 400 })
  const wire = await Wire.open()
  for (let beat = 0; beat < 6; beat++) {
    await wire.reply(wire.push('phoenix', 'heartbeat'))
    await sleep(150)
  }
  assert.equal(wire.closed, null)
  await set()
})
test('every origin may ask', async () => {
  const answer = await fetch(`${url}/realtime/v1/api/broadcast`, {
    method: 'OPTIONS',
    headers: { Origin: 'https://shop.example', 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'authorization' },
  })
  assert.equal(answer.headers.get('access-control-allow-origin'), '*')
})
test('a socket that ends leaves nothing behind', onDouble, async () => {
  const before = await state()
  const wire = await Wire.open()
  await wire.join(fresh(), { private: true })
  assert.equal((await state()).channels, before.channels + 1)
  wire.socket.terminate()
  await until('the socket is forgotten', async () => (await state()).channels === before.channels)
})
