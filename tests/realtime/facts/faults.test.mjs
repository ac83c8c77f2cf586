// What goes wrong, and what the client makes of it. Only the double can be told to.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  SILENCE, becomes, bye, close, connect, fresh, hears, joined, onDouble, open, ready, send, set, signedIn, sleep,
  state, tell, until, user, watchPresence,
} from '../stage.mjs'

before(open)
after(close)

const fact = (name, check) => test(name, onDouble, async () => {
  const client = connect()
  await check(client)
  await bye(client)
  await set()
})

for (const code of [1000, 1001, null]) {
  fact(`a socket that is dropped (${code ?? 'without a word'}) is an error, and the channel comes back`, async (client) => {
    const topic = fresh()
    const channel = await ready(client, topic)
    await tell({ do: 'drop_sockets', code })
    await becomes(channel, 'CHANNEL_ERROR')
    await becomes(channel, 'SUBSCRIBED', 2)
    await send(topic)
    await hears(channel)
  })
}
fact('a channel that crashes comes back by itself', async (client) => {
  const topic = fresh()
  const channel = await joined(client, topic)
  await tell({ do: 'crash_channels', topic })
  await becomes(channel, 'SUBSCRIBED', 2)
  assert.deepEqual(channel.statuses, ['SUBSCRIBED', 'CHANNEL_ERROR', 'SUBSCRIBED'])
})
fact('a channel that is closed never comes back', async (client) => {
  const topic = fresh()
  const channel = await joined(client, topic)
  const other = await joined(client, fresh())
  await tell({ do: 'close_channels', topic })
  await becomes(channel, 'CLOSED')
  assert.equal(channel.said.at(-1).message, 'Server requested disconnect')
  await sleep(1_500)
  assert.deepEqual(channel.statuses, ['SUBSCRIBED', 'CLOSED'])
  assert.deepEqual(other.statuses, ['SUBSCRIBED'])
  const again = await joined(client, topic)
  assert.notEqual(again, channel)
})
fact('tokens may be made to expire', async (client) => {
  const channels = [await joined(client, fresh()), await joined(client, fresh())]
  await tell({ do: 'expire_tokens' })
  for (const channel of channels) {
    await becomes(channel, 'CLOSED')
    assert.match(channel.said.at(-1).message, /^Token has expired \d+ seconds ago$/)
  }
})
fact('broadcasts may be lost', async (client) => {
  const topic = fresh()
  const channel = await ready(client, topic)
  await set({}, { lost_broadcasts: 1 })
  await send(topic, { n: 1 })
  const marker = fresh()
  await send(marker)
  await sleep(SILENCE)
  await set()
  await send(topic, { n: 2 })
  assert.deepEqual((await hears(channel)).map((one) => one.payload.n), [2])
})
fact('the stream may be lost and comes back', async (client) => {
  const topic = fresh()
  const channel = await ready(client, topic)
  const { streams } = await state()
  await tell({ do: 'stop_replication' })
  await until('the return', async () => (await state()).streams > streams)
  await send(topic, { n: 1 })
  await hears(channel)
  assert.deepEqual(channel.statuses, ['SUBSCRIBED'], 'the client does not notice')
})
fact('who was there is not there again until it says so', async (client) => {
  const topic = fresh()
  const watcher = connect()
  const ben = await joined(watcher, topic, { presence: { key: 'ben' } }, watchPresence)
  const ada = await joined(client, topic, { presence: { key: 'ada' } }, watchPresence)
  await ada.track({ status: 'online' })
  await until('Ada', () => ben.presenceState().ada)
  await tell({ do: 'drop_sockets' })
  for (const channel of [ada, ben]) await becomes(channel, 'SUBSCRIBED', 2)
  await sleep(SILENCE)
  assert.equal(ben.presenceState().ada, undefined)
  await ada.track({ status: 'online' })
  await until('Ada', () => ben.presenceState().ada)
  await bye(watcher)
})
fact('whoever comes back asks for a replay since the same time as at first', async (client) => {
  const topic = fresh()
  const channel = await ready(client, topic, { broadcast: { replay: { since: Date.now() - 1_000 } } })
  await send(topic, { n: 1 })
  await hears(channel)
  await tell({ do: 'drop_sockets' })
  await becomes(channel, 'SUBSCRIBED', 2)
  await until('the replay', () => channel.heard.some((one) => one.meta.replayed))
})
fact('whoever comes back joins with the newest token', async () => {
  let token = user()
  const client = await signedIn(() => Promise.resolve(token))
  const sub = JSON.parse(Buffer.from(token.split('.')[1], 'base64url')).sub
  const channel = await joined(client, `fact:mine:${sub}`)
  token = user({ sub, exp: Math.floor(Date.now() / 1000) + 7200 })
  await client.setAuth()
  await tell({ do: 'drop_sockets' })
  await becomes(channel, 'SUBSCRIBED', 2)
  await bye(client)
})
fact('only the service key tells the double anything', async () => {
  const { url, anonKey } = await import('../stage.mjs')
  for (const [key, status] of [[anonKey, 403], ['nonsense', 401]]) {
    const answer = await fetch(`${url}/realtime/v1/double`, {
      method: 'POST',
      headers: { apikey: key, 'Content-Type': 'application/json' },
      body: '{"do": "drop_sockets"}',
    })
    assert.equal(answer.status, status)
  }
})
