// What the database tells.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  SILENCE, Wire, becomes, close, connect, database, everybodyLeaves, fresh, hears, joined, onDouble, open, ready, send, set, sleep, state, tell,
  until, watchPresence,
} from '../stage.mjs'

let client
before(async () => {
  await open()
  client = connect()
})
after(close)

const rowOf = async (topic) => (await database.query('select * from realtime.messages where topic = $1', [topic])).rows[0]

test('a row is told with its event, its payload and its id', async () => {
  const topic = fresh()
  const channel = await ready(client, topic)
  await send(topic, { n: 1, text: 'Grüße 👋' }, 'greeting')
  const [{ event, payload, meta, type }] = await hears(channel)
  const { id } = await rowOf(topic)
  assert.deepEqual([type, event, payload.n, payload.text], ['broadcast', 'greeting', 1, 'Grüße 👋'])
  assert.equal(meta.id, id)
  assert.equal(payload.id, id, 'realtime.send puts it in')
})
test('an id in the payload stays, and differs from the row\'s', async () => {
  const topic = fresh()
  const channel = await ready(client, topic)
  await send(topic, { id: 'mine' })
  const [{ payload, meta }] = await hears(channel)
  assert.equal(payload.id, 'mine')
  assert.notEqual(meta.id, 'mine')
})
test('private rows go to private channels and public ones to public ones', async () => {
  const topic = fresh()
  const other = connect()
  const [hidden, shown] = [await ready(client, topic), await ready(other, topic, { private: false })]
  await send(topic, { to: 'private' })
  await send(topic, { to: 'public' }, 'ev', false)
  assert.equal((await hears(hidden))[0].payload.to, 'private')
  assert.equal((await hears(shown))[0].payload.to, 'public')
  await sleep(SILENCE)
  assert.deepEqual([hidden.heard.length, shown.heard.length], [1, 1])
})
test('rows come in the order of their commits, and within one as they were written', async () => {
  const topic = fresh()
  const channel = await ready(client, topic)
  const [slow, quick] = [await database.connect(), await database.connect()]
  const say = (connection, n) => connection.query("select realtime.send(jsonb_build_object('n', $1::int), 'ev', $2)", [n, topic])
  await slow.query('begin')
  await say(slow, 2)
  await quick.query('begin')
  await say(quick, 1)
  await quick.query('commit')
  await say(slow, 3)
  await slow.query('commit')
  slow.release()
  quick.release()
  assert.deepEqual((await hears(channel, 3)).map((one) => one.payload.n), [1, 2, 3])
})
test('what is rolled back is never told', async () => {
  const topic = fresh()
  const channel = await ready(client, topic)
  const connection = await database.connect()
  await connection.query('begin')
  await connection.query("select realtime.send('{\"n\": 0}', 'ev', $1)", [topic])
  await connection.query('rollback')
  connection.release()
  await send(topic, { n: 1 })
  assert.deepEqual((await hears(channel)).map((one) => one.payload.n), [1])
})
test('on the wire a row is binary of kind 4, and text in version 1.0.0', async () => {
  const topic = fresh()
  await ready(client, fresh())
  const [two, one] = [await Wire.open(), await Wire.open({ vsn: '1.0.0' })]
  for (const wire of [one, two]) await wire.join(topic, { private: true })
  await send(topic, { n: 1 }, 'ev')
  const text = await one.got('broadcast')
  const { id } = await rowOf(topic)
  assert.deepEqual(text.payload, { type: 'broadcast', event: 'ev', payload: { n: 1, id }, meta: { id } })
  await until('the binary frame', () => two.binaries().length)
  const [frame] = two.binaries()
  const [kind, topicLength, eventLength, metaLength, encoding] = frame
  const name = `realtime:${topic}`
  const meta = JSON.stringify({ id })
  assert.deepEqual([kind, topicLength, eventLength, metaLength, encoding], [4, name.length, 2, meta.length, 1])
  assert.equal(frame.subarray(5, 5 + name.length + 2 + meta.length).toString(), `${name}ev${meta}`)
})
test('bytes come as bytes', async () => {
  const topic = fresh()
  const channel = await ready(client, topic)
  await database.query(
    "insert into realtime.messages (topic, extension, event, private, binary_payload) values ($1, 'broadcast', 'ev', true, $2)",
    [topic, Buffer.from([0, 255, 7])])
  const [{ payload }] = await hears(channel)
  assert.deepEqual([...new Uint8Array(payload)], [0, 255, 7])
})
test('a row without payload or event is passed over', async () => {
  const topic = fresh()
  const channel = await ready(client, topic)
  for (const [event, payload] of [['ev', null], [null, { n: 0 }]]) {
    await database.query(
      "insert into realtime.messages (topic, extension, event, payload, private) values ($1, 'broadcast', $2, $3, true)",
      [topic, event, payload])
  }
  await send(topic, { n: 1 })
  assert.deepEqual((await hears(channel)).map((one) => one.payload.n), [1])
})
test('the extension of a row is not looked at', async () => {
  const topic = fresh()
  const channel = await ready(client, topic)
  await database.query(
    "insert into realtime.messages (topic, extension, event, payload, private) values ($1, 'another', 'ev', '{\"n\": 1}', true)", [topic])
  assert.equal((await hears(channel))[0].payload.n, 1)
})
test('whoever may only see who is there hears no row', async () => {
  const topic = fresh('present')
  const channel = await joined(client, topic, {}, watchPresence)
  const control = await ready(client, fresh())
  await send(topic)
  await send(control.topic.replace('realtime:', ''))
  await hears(control)
  await sleep(SILENCE)
  assert.equal(channel.heard.length, 0)
})
test('realtime.send never raises: what cannot be stored is lost', async () => {
  const topic = fresh()
  const channel = await ready(client, topic)
  for (const payload of [JSON.stringify([1]), '7']) {
    await database.query('select realtime.send($1::jsonb, $2, $3)', [payload, 'ev', topic])
  }
  await database.query("select realtime.send('{}', 'ev', null)")
  await send(topic, { n: 1 })
  assert.deepEqual((await hears(channel)).map((one) => one.payload.n), [1])
})
test('realtime.send leaves its topic behind in the transaction', async () => {
  const connection = await database.connect()
  await connection.query('begin')
  await connection.query("select realtime.send('{}', 'ev', 'fact:left')")
  assert.equal((await connection.query('select realtime.topic() as topic')).rows[0].topic, 'fact:left')
  await connection.query('rollback')
  connection.release()
})
test('who asks is told when rows stream in', async () => {
  const channel = await ready(client, fresh())
  const [said] = channel.said
  assert.deepEqual([said.extension, said.status, said.channel], ['system', 'ok', channel.topic.replace('realtime:', '')])
})
test('who does not ask is not told', async () => {
  const channel = await joined(client, fresh())
  await sleep(SILENCE)
  assert.equal(channel.said.length, 0)
})

/** Sends as many rows as said, and waits until the stream is past them: who joins then can only be told of them again. */
async function sentBefore(topic, rows) {
  const channel = await ready(connect(), topic)
  for (let n = 1; n <= rows; n++) await send(topic, { n })
  await hears(channel, rows)
}
const replayed = (channel) => channel.heard.map((one) => [one.payload.n, one.meta.replayed ?? false])
test('replay tells what was before, oldest first, and nothing twice', async () => {
  const topic = fresh()
  const since = Date.now() - 60_000
  await sentBefore(topic, 3)
  const channel = await ready(client, topic, { broadcast: { replay: { since, limit: 2 } } })
  await hears(channel, 2)
  await send(topic, { n: 4 })
  assert.deepEqual(replayed(await until('all', () => channel.heard.length > 2 && channel)), [[2, true], [3, true], [4, false]])
})
test('replay tells nothing from before its time', async () => {
  const topic = fresh()
  await sentBefore(topic, 1)
  const channel = await ready(client, topic, { broadcast: { replay: { since: Date.now() + 60_000 } } })
  await send(topic, { n: 2 })
  assert.deepEqual((await hears(channel)).map((one) => one.payload.n), [2])
})
test('replay tells 25 at most', async () => {
  const topic = fresh()
  await sentBefore(topic, 27)
  const channel = await ready(client, topic, { broadcast: { replay: { since: 0, limit: 1000 } } })
  await hears(channel, 25)
  await sleep(SILENCE)
  assert.deepEqual([channel.heard.length, channel.heard[0].payload.n, channel.heard[24].payload.n], [25, 3, 27])
})

test('what is committed while nothing streams is never told', onDouble, async () => {
  const topic = fresh()
  const channel = await ready(client, topic)
  await set({ replication_retry_ms: 500 })
  await tell({ do: 'stop_replication' })
  await until('the end', async () => !(await state()).streaming)
  await send(topic, { n: 1 })
  await until('the return', async () => (await state()).streaming)
  await send(topic, { n: 2 })
  assert.deepEqual((await hears(channel)).map((one) => one.payload.n), [2])
  await set()
})
test('a channel may be joined before rows stream in', onDouble, async () => {
  await set({}, { late_replication_ms: 700 })
  await tell({ do: 'stop_replication' })
  await until('the end', async () => !(await state()).streaming)
  const topic = fresh()
  const channel = await joined(client, topic, { broadcast: { replication_ready: true } })
  await send(topic, { n: 1 })
  assert.equal(channel.said.length, 0)
  await until('replication', () => channel.said.length)
  await send(topic, { n: 2 })
  assert.deepEqual((await hears(channel)).map((one) => one.payload.n), [2])
  await set()
})
test('who waits for it in vain is shut down', onDouble, async () => {
  await set({ replication_ready_limit_ms: 200 }, { late_replication_ms: 2_000 })
  await tell({ do: 'stop_replication' })
  await until('the end', async () => !(await state()).streaming)
  const channel = await joined(client, fresh(), { broadcast: { replication_ready: true } })
  await becomes(channel, 'CLOSED')
  assert.equal(channel.said[0].status, 'error')
  await set()
  await until('the return', async () => (await state()).streaming)
})
test('a stream that nobody hears ends, and comes back with the next channel', onDouble, async () => {
  await everybodyLeaves()
  await set({ replication_idle_ms: 1 })
  await until('the end', async () => !(await state()).streaming)
  await set()
  client = connect()
  const topic = fresh()
  const channel = await ready(client, topic)
  await send(topic)
  await hears(channel)
})
test('a row that is too large is passed over', onDouble, async () => {
  const topic = fresh()
  const channel = await ready(client, topic)
  await set({ max_payload_bytes: 100 })
  await send(topic, { n: 0, text: 'x'.repeat(100) })
  await send(topic, { n: 1 })
  assert.deepEqual((await hears(channel)).map((one) => one.payload.n), [1])
  await set()
})
test('a row of 3 MB arrives', async () => {
  const topic = fresh()
  const channel = await ready(client, topic)
  const text = 'x'.repeat(2_900_000)
  await send(topic, { text })
  assert.equal((await hears(channel))[0].payload.text, text)
})
test('too many messages a second close the channels for good', onDouble, async () => {
  const topic = fresh()
  const channel = await ready(client, topic)
  await set({ max_events_per_second: 0 })
  await send(topic, { n: 1 })
  await hears(channel)
  await send(topic, { n: 2 })
  await becomes(channel, 'CLOSED')
  assert.deepEqual([channel.heard.length, channel.said.at(-1).message], [1, 'Too many messages per second'])
  await set()
})
test('without a partition a broadcast is lost and nothing else', onDouble, async () => {
  const topic = fresh()
  const channel = await ready(client, topic)
  await set({}, { missing_partition: true })
  await send(topic, { n: 1 })
  await set()
  await send(topic, { n: 2 })
  assert.deepEqual((await hears(channel)).map((one) => one.payload.n), [2])
})
test('there are partitions for the days around today, and old ones go', onDouble, async () => {
  const names = async () => (await database.query(
    "select relname from pg_class where relname like 'messages\\_2%' and relkind = 'r' order by 1")).rows.map((row) => row.relname)
  const day = (offset) => `messages_${new Date(Date.now() + offset * 86_400_000).toISOString().slice(0, 10).replaceAll('-', '_')}`
  assert.deepEqual(await names(), [-1, 0, 1, 2, 3].map(day))
})
