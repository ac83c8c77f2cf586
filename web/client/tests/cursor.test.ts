// How far somebody has read: told once, the furthest last, and told again when that fails.

import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { ChatError, Cursor } from '@pg-chat/client'

const offline = () => new ChatError('nobody answers', 'offline', 0)

/** Lets everything that is due happen. */
async function settle(): Promise<void> {
  for (let n = 0; n < 20; n++) await Promise.resolve()
}

/** A cursor that writes down what it tells. `answer` throws what is answered instead. */
function reader(answer: (nth: number) => void | Promise<void> = () => {}) {
  const told: number[] = []
  const cursor = new Cursor(async (upTo) => {
    told.push(upTo)
    await answer(told.length)
  })
  return { cursor, told }
}

async function withTimers(run: () => Promise<void>): Promise<void> {
  mock.timers.enable({ apis: ['setTimeout'] })
  try {
    await run()
  } finally {
    mock.timers.reset()
  }
}

test('forward only, and of what came during a call the furthest', async () => {
  let go = () => {}
  const { cursor, told } = reader((nth) => (nth === 1 ? new Promise<void>((done) => (go = done)) : undefined))
  const moved = cursor.move(3)
  for (const upTo of [4, 7, 5, 1]) void cursor.move(upTo)
  go()
  await moved
  await cursor.move(6)
  assert.deepEqual(told, [3, 7])
})

test('what fails in passing is told again, though nothing moves the cursor any more', () =>
  withTimers(async () => {
    const { cursor, told } = reader((nth) => {
      if (nth <= 2) throw offline()
    })
    void cursor.move(3)
    await settle()
    assert.deepEqual(told, [3])
    for (let n = 0; n < 3; n++) {
      mock.timers.tick(2_000)
      await settle()
    }
    assert.deepEqual(told, [3, 3, 3])
  }))

test('a move while it waits is told at once; the same again is not', () =>
  withTimers(async () => {
    const { cursor, told } = reader((nth) => {
      if (nth === 1) throw offline()
    })
    void cursor.move(3)
    await settle()
    void cursor.move(3)
    await settle()
    assert.deepEqual(told, [3])
    void cursor.move(4)
    await settle()
    assert.deepEqual(told, [3, 4])
  }))

test('what is refused is not told again until it moves', async () => {
  const { cursor, told } = reader((nth) => {
    if (nth === 1) throw new ChatError('there is none', 'chat/no_such_conversation', 404)
  })
  await cursor.move(3)
  assert.deepEqual(told, [3])
  await cursor.move(4)
  assert.deepEqual(told, [3, 4])
})

test('once stopped it tells nothing', () =>
  withTimers(async () => {
    const { cursor, told } = reader(() => {
      throw offline()
    })
    void cursor.move(3)
    await settle()
    cursor.stop()
    await settle()
    mock.timers.tick(60_000)
    await cursor.move(9)
    assert.deepEqual(told, [3])
  }))
