// The outbox: in order, once, over failures, refusals and reloads.

import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { ChatError, Memory, Outbox, type Draft, type KeyValue } from '@pg-chat/client'

const offline = () => new ChatError('nobody answers', 'offline', 0)
const refused = () => new ChatError('too long', 'chat/text_length', 422, 'make it shorter')

/** Lets everything that is due happen. */
async function settle(): Promise<void> {
  for (let n = 0; n < 20; n++) await Promise.resolve()
}

function desk(storage: KeyValue, answer: (draft: Draft, nth: number) => void) {
  const posted: string[] = []
  const seen: Draft[] = []
  const outbox = new Outbox(storage, 'site', async (draft) => {
    posted.push(draft.content)
    answer(draft, posted.length)
  }, (draft) => seen.push(draft))
  const put = (content: string, over: Partial<Draft> = {}) =>
    outbox.put({
      id: `id of ${content}`, conversationId: null, content, replyToId: null, isInternalNote: false, file: null,
      createdAt: outbox.nextTime(), state: 'sending', progress: 0, error: null, ...over,
    })
  return { outbox, posted, seen, put }
}

test('in order, one at a time, and gone from the store once they are there', async () => {
  const storage = new Memory()
  const { posted, put, outbox } = desk(storage, () => {})
  for (const text of ['a', 'b', 'c']) put(text)
  assert.equal(storage.length, 3, 'kept before anything is sent')
  await settle()
  assert.deepEqual(posted, ['a', 'b', 'c'])
  assert.equal(storage.length, 0)
  assert.deepEqual(outbox.drafts(), [])
})

test('what fails in passing is tried again, and nothing overtakes it', async () => {
  mock.timers.enable({ apis: ['setTimeout'] })
  try {
    const { posted, put, seen } = desk(new Memory(), (_, nth) => {
      if (nth <= 2) throw offline()
    })
    put('a')
    put('b')
    await settle()
    assert.deepEqual(posted, ['a'])
    assert.equal(seen.at(-1)?.error?.code, 'offline')
    assert.equal(seen.at(-1)?.state, 'sending')
    for (let n = 0; n < 4; n++) {
      mock.timers.tick(3_000)
      await settle()
    }
    assert.deepEqual(posted, ['a', 'a', 'a', 'b'])
  } finally {
    mock.timers.reset()
  }
})

test('it waits as long as the server asks for, unless the connection comes back', async () => {
  mock.timers.enable({ apis: ['setTimeout'] })
  try {
    const { posted, put, outbox } = desk(new Memory(), (_, nth) => {
      if (nth < 3) throw new ChatError('slowly', 'chat/too_many', 429, null, 60)
    })
    put('a')
    await settle()
    mock.timers.tick(59_000)
    await settle()
    assert.equal(posted.length, 1)
    mock.timers.tick(1_000)
    await settle()
    assert.equal(posted.length, 2)
    outbox.wake()
    await settle()
    assert.equal(posted.length, 3)
  } finally {
    mock.timers.reset()
  }
})

test('what is refused stays with its reason and lets the next pass', async () => {
  const storage = new Memory()
  let wrong = true
  const { posted, put, seen, outbox } = desk(storage, (draft) => {
    if (draft.content === 'a' && wrong) throw refused()
  })
  put('a')
  put('b')
  await settle()
  assert.deepEqual(posted, ['a', 'b'])
  const failed = seen.find(({ state }) => state === 'failed')
  assert.deepEqual(failed?.error, { code: 'chat/text_length', message: 'too long', hint: 'make it shorter' })
  assert.equal(storage.length, 1, 'nothing that was typed is lost')
  wrong = false
  outbox.retry('id of a')
  await settle()
  assert.deepEqual(posted, ['a', 'b', 'a'])
  assert.equal(storage.length, 0)
})

test('after a reload everything is there in its order, and what cannot be read is not', async () => {
  mock.timers.enable({ apis: ['setTimeout'] })
  try {
    const storage = new Memory()
    storage.setItem('pg-chat:outbox:site:broken', '{')
    storage.setItem('pg-chat:outbox:another:x', '{"id":"x","content":"x"}')
    const before = desk(storage, () => {
      throw offline()
    })
    for (const text of ['a', 'b', 'c']) before.put(text)
    await settle()
    before.outbox.stop()
    const next = desk(storage, () => {})
    assert.deepEqual(next.outbox.drafts().map(({ content }) => content), ['a', 'b', 'c'])
    next.put('d')
    await settle()
    assert.deepEqual(next.posted, ['a', 'b', 'c', 'd'])
    assert.deepEqual([...Array(storage.length).keys()].map((n) => storage.key(n)), ['pg-chat:outbox:another:x'])
  } finally {
    mock.timers.reset()
  }
})

test('a clock that was put back does not put drafts before older ones', async () => {
  const storage = new Memory()
  storage.setItem('pg-chat:outbox:site:old', JSON.stringify({ id: 'old', content: 'old', state: 'sending', createdAt: '2100-01-01T00:00:00.000Z' }))
  const { posted, put } = desk(storage, () => {})
  put('new')
  await settle()
  assert.deepEqual(posted, ['old', 'new'])
})

test('a file on its way is not stored and does not hold up words', async () => {
  const storage = new Memory()
  const { posted, put } = desk(storage, () => {})
  put('file', { state: 'uploading' })
  put('words')
  await settle()
  assert.deepEqual(posted, ['words'])
  assert.equal(storage.length, 0)
})

test('thrown away while it is sent, a failure brings it not back', async () => {
  let fail = () => {}
  const outbox = new Outbox(new Memory(), 'site', () => new Promise((_, fails) => (fail = () => fails(refused()))), () => {})
  outbox.put({ id: 'a', conversationId: null, content: 'a', replyToId: null, isInternalNote: false, file: null, createdAt: outbox.nextTime(), state: 'sending', progress: 0, error: null })
  outbox.discard('a')
  fail()
  await settle()
  assert.deepEqual(outbox.drafts(), [])
})

test('a full store loses nothing of this page', async () => {
  const full = new Memory()
  full.setItem = () => {
    throw new DOMException('full', 'QuotaExceededError')
  }
  const { posted, put } = desk(full, () => {})
  put('a')
  await settle()
  assert.deepEqual(posted, ['a'])
})
