// A topic through every state of its channel.

import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { LiveTopic } from '@pg-chat/client'
import { FakeSupabase } from './realtime.js'

async function settle(): Promise<void> {
  for (let n = 0; n < 20; n++) await Promise.resolve()
}

async function joined() {
  const supabase = new FakeSupabase()
  const told: string[] = []
  const topic = new LiveTopic(supabase.client, 'chat:site:1', {
    joined: () => told.push('joined'),
    lost: () => told.push('lost'),
    broadcast: (event) => told.push(event),
  })
  await settle()
  assert.equal(supabase.tokens, 1, 'the first join has a token')
  supabase.last.turn('SUBSCRIBED')
  return { supabase, told, topic }
}

test('each time it is joined, and when rows begin to stream, something may have been missed', async () => {
  const { supabase, told, topic } = await joined()
  supabase.last.hear('system', { status: 'ok', message: 'Replication connection established' })
  supabase.last.turn('CHANNEL_ERROR')
  assert.ok(!topic.isJoined)
  supabase.last.turn('SUBSCRIBED')
  assert.deepEqual(told, ['joined', 'joined', 'lost', 'joined'])
  topic.stop()
})

for (const state of ['CHANNEL_ERROR', 'TIMED_OUT']) {
  test(`${state}: the official client rejoins, with a token that was renewed for it`, async () => {
    const { supabase, told } = await joined()
    supabase.last.turn(state)
    await settle()
    assert.equal(supabase.tokens, 2)
    assert.equal(supabase.channels.length, 1)
    assert.deepEqual(told, ['joined', 'lost'])
  })
}

test('CLOSED: nobody rejoins, so there is a new channel, with a new token, and later each time', async () => {
  mock.timers.enable({ apis: ['setTimeout'] })
  try {
    const { supabase, told } = await joined()
    for (const [n, wait] of [1_000, 2_000, 4_000].entries()) {
      supabase.last.turn('CLOSED')
      mock.timers.tick(wait / 2 - 1)
      await settle()
      assert.equal(supabase.channels.length, n + 1, 'not at once')
      mock.timers.tick(wait)
      await settle()
      assert.equal(supabase.channels.length, n + 2)
      assert.equal(supabase.tokens, n + 2)
    }
    supabase.last.turn('SUBSCRIBED')
    assert.deepEqual(told, ['joined', 'lost', 'joined'])
  } finally {
    mock.timers.reset()
  }
})

test('what an old channel says is not listened to', async () => {
  mock.timers.enable({ apis: ['setTimeout'] })
  try {
    const { supabase, told } = await joined()
    const old = supabase.last
    old.turn('CLOSED')
    mock.timers.tick(1_000)
    await settle()
    supabase.last.turn('SUBSCRIBED')
    old.turn('CLOSED')
    assert.deepEqual(told, ['joined', 'lost', 'joined'])
  } finally {
    mock.timers.reset()
  }
})

test('presence is told again after each rejoin', async () => {
  const { supabase, topic } = await joined()
  topic.track({ status: 'online' })
  supabase.last.turn('CHANNEL_ERROR')
  topic.track({ status: 'away' })
  assert.equal(supabase.last.tracked.length, 1)
  supabase.last.turn('SUBSCRIBED')
  assert.deepEqual(supabase.last.tracked, [{ status: 'online' }, { status: 'away' }])
})

test('left and joined again at once: the second channel waits until the first has gone', async () => {
  const { supabase, topic } = await joined()
  supabase.slow = true
  topic.stop()
  new LiveTopic(supabase.client, 'chat:site:1', { joined() {}, lost() {} })
  await settle()
  assert.equal(supabase.channels.length, 1)
  supabase.holds!()
  await settle()
  assert.equal(supabase.channels.length, 2)
})

test('left, it stays away', async () => {
  mock.timers.enable({ apis: ['setTimeout'] })
  try {
    const { supabase, topic } = await joined()
    supabase.last.turn('CLOSED')
    topic.stop()
    mock.timers.tick(60_000)
    await settle()
    assert.equal(supabase.channels.length, 1)
  } finally {
    mock.timers.reset()
  }
})

test('left before it was made, it is never made', async () => {
  const supabase = new FakeSupabase()
  new LiveTopic(supabase.client, 'chat:site:1', { joined() {}, lost() {} }).stop()
  await settle()
  assert.equal(supabase.channels.length, 0)
})

test('what cannot be made now is made later', async () => {
  mock.timers.enable({ apis: ['setTimeout'] })
  try {
    const supabase = new FakeSupabase()
    const other = supabase.channel('chat:site:1')
    new LiveTopic(supabase.client, 'chat:site:1', { joined() {}, lost() {} })
    await settle()
    assert.equal(supabase.channels.length, 1)
    await supabase.removeChannel(other)
    mock.timers.tick(1_000)
    await settle()
    assert.equal(supabase.channels.length, 2)
  } finally {
    mock.timers.reset()
  }
})
