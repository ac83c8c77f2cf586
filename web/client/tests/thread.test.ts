// One conversation kept up to date over a wire that drops, repeats, reorders and delays: what is asked when.

import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { ChatError, Thread, type Source } from '@pg-chat/client'
import { Conversation, type Message } from './database.js'
import { chance, seeds } from './random.js'

interface Row {
  readonly status: string
}

async function settle(): Promise<void> {
  for (let n = 0; n < 40; n++) await Promise.resolve()
}

/** The database behind a wire; `cross` decides what becomes of each request, there and back. */
function source(there: Conversation, cross: () => Promise<void>): Source<Message, Row> {
  const ask = async <T>(answer: () => T): Promise<T> => {
    await cross()
    const answered = answer()
    await cross()
    return answered
  }
  return {
    first: async (size) => {
      const change = await ask(() => there.change)
      return { conversation: { status: 'active' }, change, rows: await ask(() => there.page(Infinity, size)) }
    },
    before: (number, size) => ask(() => there.page(number, size)),
    since: (change, size) =>
      ask(() => {
        const { rows, upTo, more } = there.since(change, size)
        return { conversation: null, rows, change: upTo, more }
      }),
  }
}

function shown(thread: Thread<Message, Row>): string[] {
  return thread.state.get().lines.map(({ message }) => `${message?.id} ${message?.content} ${message?.change}`)
}

test('a hint asks for what is greater than what is known, page after page', async () => {
  const there = new Conversation()
  there.insert('a', 'a', '2026-05-01T10:00:00Z')
  const thread = new Thread(source(there, async () => {}), [], { page: 5, changes: 3 })
  await thread.look()
  for (let n = 0; n < 10; n++) there.insert(`b${n}`, 'b', `2026-05-01T10:01:0${n}Z`)
  there.update('a', 'edited')
  // All hints but the last were lost.
  thread.happen({ type: 'heard', change: there.change })
  await settle()
  assert.deepEqual(shown(thread), there.shown())
})

test('whoever asks during a request is answered by one more', async () => {
  const there = new Conversation()
  there.insert('a', 'a', '2026-05-01T10:00:00Z')
  let asked = 0
  let go = () => {}
  const thread = new Thread(source(there, () => {
    asked += 1
    return new Promise<void>((done) => (go = done))
  }))
  const looked = thread.look()
  void thread.look()
  void thread.look()
  let over = false
  void looked.then(() => (over = true))
  for (let n = 0; n < 20 && !over; n++) {
    go()
    await settle()
  }
  assert.equal(asked, 4 + 2, 'the first page is two questions, and then what changed, once')
})

test('what fails in passing is asked again, and wakes at once when the connection is back', async () => {
  mock.timers.enable({ apis: ['setTimeout'] })
  try {
    const there = new Conversation()
    there.insert('a', 'a', '2026-05-01T10:00:00Z')
    let down = true
    const thread = new Thread(source(there, async () => {
      if (down) throw new ChatError('nobody answers', 'offline', 0)
    }))
    void thread.look()
    await settle()
    assert.equal(thread.state.get().error?.code, 'offline')
    down = false
    mock.timers.tick(1_000)
    await settle()
    assert.equal(thread.state.get().error, null)
    assert.deepEqual(shown(thread), there.shown())
    down = true
    there.update('a', 'edited')
    thread.happen({ type: 'heard', change: there.change })
    await settle()
    down = false
    void thread.look()
    await settle()
    assert.deepEqual(shown(thread), there.shown())
  } finally {
    mock.timers.reset()
  }
})

test('what a hint tells of before it can be read is looked for again, what was erased not for ever', async () => {
  mock.timers.enable({ apis: ['setTimeout'] })
  try {
    const there = new Conversation()
    there.insert('a', 'a', '2026-05-01T10:00:00Z')
    let asked = 0
    const thread = new Thread(source(there, async () => void (asked += 1)))
    await thread.look()
    thread.happen({ type: 'heard', change: there.change + 1 })
    await settle()
    there.insert('b', 'committed, and streamed a moment before', '2026-05-01T10:01:00Z')
    mock.timers.tick(50)
    await settle()
    assert.deepEqual(shown(thread), there.shown())

    asked = 0
    thread.happen({ type: 'heard', change: there.change + 1 })
    for (let n = 0; n < 20; n++) {
      await settle()
      mock.timers.tick(4_000)
    }
    assert.equal(asked, 5 * 2, 'five requests, there and back')
    await thread.look()
  } finally {
    mock.timers.reset()
  }
})

test('what is refused is said, and not asked again by itself', async () => {
  let asked = 0
  const thread = new Thread(source(new Conversation(), async () => {
    asked += 1
    throw new ChatError('there is none', 'chat/no_such_conversation', 404)
  }))
  await thread.look()
  assert.equal(thread.state.get().error?.code, 'chat/no_such_conversation')
  assert.equal(asked, 1)
})

test('nothing new leaves the state as it is', async () => {
  const there = new Conversation()
  there.insert('a', 'a', '2026-05-01T10:00:00Z')
  const thread = new Thread(source(there, async () => {}))
  await thread.look()
  const before = thread.state.get()
  await thread.look()
  assert.equal(thread.state.get(), before)
})

/** A conversation of 200 events; the client hears some of them, is asked to look now and then, and comes back. */
async function live(seed: number): Promise<void> {
  const random = chance(seed)
  const there = new Conversation()
  const late: (() => void)[] = []
  let calm = false
  const cross = async () => {
    if (calm) return
    if (random() < 0.1) throw new ChatError('reset', 'offline', 0)
    if (random() < 0.5) await new Promise<void>((done) => late.push(done))
  }
  const thread = new Thread(source(there, cross), [], { page: 5, changes: 3 })
  let told = 0
  for (let n = 0; n < 20; n++) there.insert(`old${n}`, 'old', '2026-05-01T09:00:00Z')
  for (let step = 0; step < 200; step++) {
    const at = new Date(Date.parse('2026-05-01T10:00:00Z') + step * 1000).toISOString()
    const ids = [...there.rows.keys()]
    const chosen = ids[Math.floor(random() * ids.length)]
    if (random() < 0.5 || !chosen) there.insert(`m${step}`, 'said', at, random() < 0.1)
    else if (random() < 0.8) there.update(chosen, random() < 0.2 ? null : `edit ${step}`)
    else there.touch(true)
    while (told < there.told.agents.length) {
      const hint = there.told.agents[told++]!
      if (random() < 0.5) thread.happen({ type: 'heard', change: hint.change })
    }
    if (random() < 0.05) void thread.look()
    if (random() < 0.1) thread.older().catch(() => {})
    while (late.length > 0 && random() < 0.6) late.splice(Math.floor(random() * late.length), 1)[0]!()
    if (random() < 0.3) mock.timers.tick(1_000)
    await settle()
    const lines = thread.state.get().lines
    assert.equal(new Set(lines.map(({ id }) => id)).size, lines.length, `seed ${seed}: every message once`)
  }
  // Joined again: everything that is still on its way arrives, and the client looks.
  calm = true
  void thread.look()
  for (let n = 0; n < 50; n++) {
    for (const arrive of late.splice(0)) arrive()
    mock.timers.tick(30_000)
    await settle()
    if (thread.state.get().hasOlder) void thread.older()
  }
  assert.deepEqual(shown(thread), there.shown(), `seed ${seed}`)
}

test('every message once, in order, in its last state, over a wire that drops, delays and fails', async () => {
  mock.timers.enable({ apis: ['setTimeout'] })
  try {
    for (const seed of seeds(40)) await live(seed)
  } finally {
    mock.timers.reset()
  }
})
