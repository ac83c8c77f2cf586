// Who may join a channel.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import {
  SILENCE, Wire, anonKey, bye, close, connect, database, double, fresh, hears, joined, now, onDouble, open, ready,
  refused, send, set, sign, signedIn, sleep, user, watchPresence,
} from '../stage.mjs'

let client
before(async () => {
  await open()
  client = connect()
})
after(close)

/** Why a bare join is refused. */
const reason = async (topic, config, more, options) => {
  const { status, response } = await (await Wire.open(options)).join(topic, config, more)
  assert.equal(status, 'error')
  return response.reason
}
const isPrivate = { private: true }

test('a public channel is for everybody', async () => {
  const wire = await Wire.open()
  const { status, response } = await wire.join(fresh('closed'))
  assert.deepEqual([status, response], ['ok', { postgres_changes: [] }])
})
test('a private one is for whom a policy lets see its probe', async () => {
  await joined(client, fresh('open'))
  await joined(client, fresh('read'))
  const closed = fresh('closed')
  assert.equal(await refused(client, closed), `Unauthorized: You do not have permissions to read from this Channel topic: ${closed}`)
})
test('a policy sees the claims of the joiner', async () => {
  const sub = randomUUID()
  const own = await signedIn(user({ sub }))
  await joined(own, `fact:mine:${sub}`)
  await refused(own, `fact:mine:${randomUUID()}`)
  await bye(own)
})
test('a policy sees those headers of the socket that begin with x-', async () => {
  const topic = fresh('header')
  const { status } = await (await Wire.open({ headers: { 'X-Fact': 'told' } })).join(topic, isPrivate)
  assert.equal(status, 'ok')
  assert.match(await reason(topic, isPrivate, {}, { headers: { fact: 'told' } }), /^Unauthorized/)
})
test('the right to see who is there is enough, when that was asked for', async () => {
  const topic = fresh('present')
  assert.match(await refused(client, topic), /^Unauthorized/)
  await joined(client, topic, {}, watchPresence)
})
test('a policy that raises is a refusal', async () => {
  assert.match(await reason(fresh('raise'), isPrivate), /^Unauthorized/)
})
test('a probe leaves no row behind and is told to nobody', async () => {
  const topic = fresh('open')
  const channel = await ready(client, topic)
  const other = connect()
  await joined(other, topic)
  await sleep(SILENCE)
  const { rows } = await database.query('select count(*)::int as n from realtime.messages where topic = $1', [topic])
  assert.equal(rows[0].n, 0)
  assert.equal(channel.heard.length, 0)
  await bye(other)
})
test('a token that has expired says since when', async () => {
  const token = sign({ role: 'authenticated', exp: now() - 7 })
  assert.match(await reason(fresh(), isPrivate, { access_token: token }), /^InvalidJWTToken: Token has expired ([7-9]|1\d) seconds ago$/)
})
test('a token needs a role and an expiry', async () => {
  for (const claims of [{ role: 'anon' }, { exp: now() + 60 }]) {
    assert.equal(await reason(fresh(), isPrivate, { access_token: sign(claims) }), 'InvalidJWTToken: Fields `role` and `exp` are required in JWT')
  }
})
test('what is no token is malformed', async () => {
  assert.equal(await reason(fresh(), isPrivate, { access_token: 'nonsense' }), 'MalformedJWT: The token provided is not a valid JWT')
})
test('a token of another project is refused', async () => {
  const token = sign({ role: 'anon', exp: now() + 60 }, 'another secret')
  assert.match(await reason(fresh(), isPrivate, { access_token: token }), /^JwtSignatureError: /)
})
test('a key of the new kind is no token: the key of the socket counts', async () => {
  const wire = await Wire.open()
  assert.equal((await wire.join(fresh(), isPrivate, { access_token: 'sb_publishable_x' })).status, 'ok')
})
test('a join without a token is that of the key', async () => {
  const { status } = await (await Wire.open({ key: anonKey })).join(fresh('open'), isPrivate)
  assert.equal(status, 'ok')
})
test('the old name of the token counts too', async () => {
  const sub = randomUUID()
  const wire = await Wire.open()
  assert.equal((await wire.join(`fact:mine:${sub}`, isPrivate, { user_token: user({ sub }) })).status, 'ok')
})
test('booleans may be words', async () => {
  assert.match(await reason(fresh('closed'), { private: 'true' }), /^Unauthorized/)
  assert.equal((await (await Wire.open()).join(fresh('closed'), { private: 'false' })).status, 'ok')
})
test('a topic needs a name', async () => {
  assert.match(await reason(''), /^TopicNameRequired/)
})
test('joining again closes the channel that was there first', async () => {
  const wire = await Wire.open()
  const topic = fresh()
  const first = await wire.join(topic, isPrivate)
  const second = await wire.join(topic, isPrivate)
  assert.equal(second.status, 'ok')
  assert.equal((await wire.got('phx_close')).ref, first.ref)
  const order = wire.texts().map((one) => one.event)
  assert.ok(order.indexOf('phx_close') < order.lastIndexOf('phx_reply'))
})
test('a join in version 1.0.0 is the same', async () => {
  const { status, response } = await (await Wire.open({ vsn: '1.0.0' })).join(fresh(), isPrivate)
  assert.deepEqual([status, response], ['ok', { postgres_changes: [] }])
})
test('what is asked for of the tables comes back with a number each', async () => {
  const filter = { event: '*', schema: 'public', table: 'sites' }
  const { response } = await (await Wire.open()).join(fresh(), { postgres_changes: [filter] })
  const [{ id, ...echo }] = response.postgres_changes
  assert.ok(Number.isInteger(id))
  assert.deepEqual(echo, filter)
})
test('nothing is replayed on a public channel', async () => {
  const config = { broadcast: { replay: { since: Date.now() } } }
  assert.equal(await reason(fresh(), config), 'UnableToReplayMessages: Replay is not allowed for public channels')
})
test('a join to one topic does not hear another', async () => {
  const [one, two] = [fresh(), fresh()]
  const [first, second] = [await ready(client, one), await ready(client, two)]
  await send(one, { to: 'one' })
  await send(two, { to: 'two' })
  assert.deepEqual([(await hears(first))[0].payload.to, (await hears(second))[0].payload.to], ['one', 'two'])
  assert.deepEqual([first.heard.length, second.heard.length], [1, 1])
})
test('a socket has so many channels and no more', onDouble, async () => {
  await set({ max_channels_per_client: 2 })
  const wire = await Wire.open()
  for (const status of ['ok', 'ok', 'error']) assert.equal((await wire.join(fresh(), isPrivate)).status, status)
  assert.equal(wire.texts().at(-1).payload.response.reason, 'ChannelRateLimitReached: Too many channels')
  await set()
})
test('too many joins a second end the socket', onDouble, async () => {
  await set({ max_joins_per_second: 0 })
  const wire = await Wire.open()
  const { response } = await wire.join(fresh(), isPrivate)
  assert.equal(response.reason, 'ClientJoinRateLimitReached: Too many joins per second')
  await wire.ended()
  await set()
})
test('a project may have private channels only', onDouble, async () => {
  await set({ private_only: true })
  assert.equal(await reason(fresh()), 'PrivateOnly: This project only allows private channels')
  assert.equal((await (await Wire.open()).join(fresh(), isPrivate)).status, 'ok')
  await set()
})
test('a refusal comes late and the socket goes on meanwhile', onDouble, async () => {
  await set({ join_error_delay_ms: 300 })
  const wire = await Wire.open()
  const began = Date.now()
  const refusal = wire.join(fresh('closed'), isPrivate)
  await wire.reply(wire.push('phoenix', 'heartbeat'))
  assert.ok(Date.now() - began < 300)
  assert.equal((await refusal).status, 'error')
  assert.ok(Date.now() - began >= 300)
  await set()
})
test('without a partition for today nobody joins a private channel', onDouble, async () => {
  await set({}, { missing_partition: true })
  assert.equal(await reason(fresh(), isPrivate), 'MissingPartition: Realtime was unable to find the expected messages partition')
  assert.equal((await (await Wire.open()).join(fresh())).status, 'ok')
  await set()
  assert.equal((await (await Wire.open()).join(fresh(), isPrivate)).status, 'ok')
})
test('whoever is refused tries again for ever', { skip: !double && 'it takes the real waits' }, async () => {
  const sub = randomUUID()
  let token = user()
  const late = await signedIn(() => Promise.resolve(token))
  const channel = late.channel(`fact:mine:${sub}`, { config: isPrivate })
  const statuses = []
  channel.subscribe((status) => statuses.push(status))
  while (statuses.filter((one) => one === 'CHANNEL_ERROR').length < 2) await sleep(20)
  token = user({ sub })
  await late.setAuth()
  while (!statuses.includes('SUBSCRIBED')) await sleep(20)
  await bye(late)
})
