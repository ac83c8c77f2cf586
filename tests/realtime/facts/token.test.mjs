// Tokens that change, expire and lose their rights.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import {
  SILENCE, Wire, becomes, bye, close, fresh, hears, joined, now, open, ready, send, sign, signedIn, sleep, until,
  user,
} from '../stage.mjs'

before(open)
after(close)

/** A bare channel under a token; `other` sends another one. */
async function under(token, topic = fresh()) {
  const wire = await Wire.open()
  const { ref, status } = await wire.join(topic, { private: true }, { access_token: token })
  assert.equal(status, 'ok')
  const other = (access_token) => wire.push(`realtime:${topic}`, 'access_token', { access_token }, ref)
  return Object.assign(wire, { topic, ref, other })
}
/** What a channel is told that is shut down. */
async function shutDown(wire) {
  const { ref } = await wire.got('phx_close')
  assert.equal(ref, wire.ref)
  const { payload } = await wire.got('system')
  assert.deepEqual([payload.extension, payload.status, payload.channel], ['system', 'error', wire.topic])
  return payload.message
}
const stays = async (wire) => {
  await wire.reply(wire.push('phoenix', 'heartbeat'))
  await sleep(SILENCE)
  assert.deepEqual(wire.texts().map((text) => text.event), ['phx_reply', 'phx_reply'])
}

test('another good token is taken without a word', async () => {
  const wire = await under(user())
  wire.other(user())
  await stays(wire)
})
test('the same token, none and a key of the new kind are passed over', async () => {
  const token = user()
  const wire = await under(token)
  for (const same of [token, null, 'sb_secret_x', '']) wire.other(same)
  await stays(wire)
})
test('a bad token closes the channel', async () => {
  for (const [bad, message] of [
    ['nonsense', /The token provided is not a valid JWT/],
    [sign({ role: 'authenticated', exp: now() - 3 }), /^Token has expired \d+ seconds ago$/],
    [sign({ exp: now() + 60 }), /Fields `role` and `exp` are required in JWT/],
    [sign({ role: 'authenticated', exp: now() + 60 }, 'another secret'), /signature/],
  ]) {
    const wire = await under(user())
    wire.other(bad)
    assert.match(await shutDown(wire), message)
  }
})
test('a token that may not read closes the channel', async () => {
  const sub = randomUUID()
  const wire = await under(user({ sub }), `fact:mine:${sub}`)
  wire.other(user())
  assert.equal(await shutDown(wire), `You no longer have permission to read from this Channel topic: ${wire.topic}`)
})
test('a channel whose token expires is closed, and says since when', async () => {
  const wire = await under(user({ exp: now() + 5 }))
  assert.match(await shutDown(wire), /^Token has expired \d+ seconds ago$/)
})
test('a new token in time keeps it open', async () => {
  const wire = await under(user({ exp: now() + 5 }))
  wire.other(user())
  await sleep(6_000)
  assert.deepEqual(wire.texts().map((text) => text.event), ['phx_reply'])
})
test('the client sends a new token to each channel', async () => {
  let token = user({ exp: now() + 5 })
  const client = await signedIn(() => Promise.resolve(token))
  const topic = fresh()
  const channel = await ready(client, topic)
  token = user()
  await client.setAuth()
  await sleep(6_000)
  assert.deepEqual(channel.statuses, ['SUBSCRIBED'])
  await send(topic)
  await hears(channel)
  await bye(client)
})
test('to the client an expired token is the end of the channel: it does not join again by itself', async () => {
  const client = await signedIn(user({ exp: now() + 5 }))
  const channel = await joined(client, fresh())
  await becomes(channel, 'CLOSED')
  assert.match(channel.said.at(-1).message, /^Token has expired/)
  await sleep(1_500)
  assert.deepEqual(channel.statuses, ['SUBSCRIBED', 'CLOSED'])
  assert.equal(client.getChannels().length, 0)
  await bye(client)
})
test('whether one may write is asked once, and again with a new token', async () => {
  // `mine` lets everybody write who may read; only its owner reads.
  const sub = randomUUID()
  const client = await signedIn(user({ sub }))
  const channel = await joined(client, `fact:mine:${sub}`, { broadcast: { self: true } })
  await channel.send({ type: 'broadcast', event: 'ev', payload: { n: 1 } })
  await client.setAuth(user({ sub, exp: now() + 7200 }))
  await channel.send({ type: 'broadcast', event: 'ev', payload: { n: 2 } })
  await until('both', () => channel.heard.length === 2)
  await bye(client)
})
