// The reducer: what each happening does, and that their order, repetition and delay make no difference in the end.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { emptyTimeline, hasOlder, isBehind, lines, reduce, type Draft, type Happening, type Timeline } from '@pg-chat/client'
import { Conversation, type Message } from './database.js'
import { chance, seeds } from './random.js'

type Happens = Happening<Message>

function row(id: string, seq: number, change: number, over: Partial<Message> = {}): Message {
  return { id, seq, publicSeq: seq, change, content: id, sentAt: `2026-05-01T10:00:${String(seq).padStart(2, '0')}+00:00`, ...over }
}

function draft(id: string, over: Partial<Draft> = {}): Draft {
  return {
    id, conversationId: 'c', content: id, replyToId: null, isInternalNote: false, file: null,
    createdAt: '2026-05-01T10:00:00Z', state: 'sending', progress: 0, error: null, ...over,
  }
}

function after(...happenings: Happens[]): Timeline<Message> {
  return happenings.reduce((timeline, happening) => reduce(timeline, happening), emptyTimeline<Message>())
}

function ids(timeline: Timeline<Message>): string {
  return lines(timeline).map((line) => (line.draft ? `${line.id}?` : line.id)).join(' ')
}

const firstPage: Happens = { type: 'page', rows: [row('b', 2, 2), row('c', 3, 3)], size: 2, change: 3 }

test('a page is shown in order, by time and then by number', () => {
  const late = row('late', 4, 4, { sentAt: '2026-05-01T09:00:00+00:00' })
  assert.equal(ids(reduce(after(firstPage), { type: 'row', row: late, before: 3 })), 'late b c')
  const tie = after({
    type: 'page', size: 9, change: 9,
    rows: [row('y', 2, 1, { sentAt: '2026-05-01T10:00:00.000002+00:00' }), row('z', 1, 2, { sentAt: '2026-05-01T10:00:00.00001+00:00' })],
  })
  assert.equal(ids(tie), 'y z', 'microseconds count')
})

test('of one message the greatest change stays, however late the smaller comes', () => {
  const edited = row('b', 2, 5, { content: 'edited' })
  const timeline = after(firstPage, { type: 'row', row: edited, before: 4 }, firstPage)
  assert.equal(timeline.rows.get('b')?.content, 'edited')
})

test('a hint of something new leaves it behind until the changes are here', () => {
  let timeline = after(firstPage, { type: 'heard', change: 5 })
  assert.ok(isBehind(timeline))
  timeline = reduce(timeline, { type: 'changes', since: 3, rows: [row('d', 4, 4)], upTo: 5 })
  assert.ok(!isBehind(timeline))
  assert.equal(ids(timeline), 'b c d')
})

test('changes that leave a hole before them do not count as known', () => {
  const timeline = after(firstPage, { type: 'changes', since: 7, rows: [row('h', 8, 8)], upTo: 8 })
  assert.equal(timeline.known, 3)
  const own = after(firstPage, { type: 'row', row: row('h', 8, 8), before: 7 })
  assert.equal(own.known, 3)
  assert.ok(isBehind(own), 'the answer itself tells that something was missed')
})

test('an answer that follows what is known needs no fetch', () => {
  const timeline = after(firstPage, { type: 'row', row: row('d', 4, 4), before: 3 }, { type: 'heard', change: 4 })
  assert.equal(timeline.known, 4)
  assert.ok(!isBehind(timeline))
})

test('a later page does not vouch for changes', () => {
  const timeline = after(firstPage, { type: 'page', rows: [row('a', 1, 1)], size: 2, change: 3 })
  assert.equal(timeline.known, 3)
  assert.equal(ids(timeline), 'a b c')
  assert.ok(!hasOlder(timeline))
})

test('a page that the first one overtook does not stand below it', () => {
  const overtaken: Happens = { type: 'page', rows: [row('a', 1, 1)], size: 1, change: 1 }
  const timeline = after(firstPage, overtaken)
  assert.equal(ids(timeline), 'b c')
  assert.ok(hasOlder(timeline))
})

test('a change of a message below the pages waits for its page', () => {
  const old = row('a', 1, 4, { content: 'edited' })
  let timeline = after(firstPage, { type: 'changes', since: 3, rows: [old], upTo: 4 })
  assert.equal(ids(timeline), 'b c')
  assert.ok(hasOlder(timeline))
  timeline = reduce(timeline, { type: 'page', rows: [row('a', 1, 1)], size: 2, change: 4 })
  assert.equal(ids(timeline), 'a b c')
  assert.equal(timeline.rows.get('a')?.content, 'edited')
})

test('a draft is shown last and gives way to its row, from wherever it comes', () => {
  const ways: Happens[] = [
    { type: 'row', row: row('d', 4, 4), before: 3 },
    { type: 'changes', since: 3, rows: [row('d', 4, 4)], upTo: 4 },
    { type: 'page', rows: [row('c', 3, 3), row('d', 4, 4)], size: 2, change: 4 },
  ]
  for (const way of ways) {
    const waiting = after(firstPage, { type: 'draft', draft: draft('d') })
    assert.equal(ids(waiting), 'b c d?')
    const sent = reduce(waiting, way)
    assert.equal(ids(sent), 'b c d', way.type)
    assert.equal(ids(reduce(sent, { type: 'draft', draft: draft('d', { state: 'failed' }) })), 'b c d', 'a late failure is none')
  }
})

test('drafts keep their order when one of them changes', () => {
  const timeline = after(
    { type: 'draft', draft: draft('x') }, { type: 'draft', draft: draft('y') }, { type: 'draft', draft: draft('x', { state: 'failed' }) })
  assert.equal(ids(timeline), 'x? y?')
  assert.equal(ids(reduce(timeline, { type: 'discarded', id: 'x' })), 'y?')
})

test('what changes nothing is the same object', () => {
  const timeline = after(firstPage)
  assert.equal(reduce(timeline, { type: 'heard', change: 2 }), timeline)
  assert.equal(reduce(timeline, { type: 'row', row: row('b', 2, 2), before: 1 }), timeline)
  assert.equal(reduce(timeline, { type: 'discarded', id: 'nobody' }), timeline)
})

test('a conversation without messages is known as such', () => {
  const timeline = after({ type: 'page', rows: [], size: 50, change: 0 })
  assert.ok(!hasOlder(timeline))
  assert.equal(ids(timeline), '')
})

/** Answers and hints of a running conversation, held back, dropped, repeated and shuffled by chance. */
function interleave(seed: number): void {
  const random = chance(seed)
  const pick = (n: number) => Math.floor(random() * n)
  const there = new Conversation()
  const started = Date.parse('2026-05-01T10:00:00Z')
  const time = (n: number) => new Date(started + n * 1000 - (random() < 0.1 ? 60_000 : 0)).toISOString()
  let timeline = emptyTimeline<Message>()
  let way: Happens[] = []
  let told = 0
  let written = 0
  const happen = (happening: Happens) => {
    const before = timeline
    timeline = reduce(timeline, happening)
    assert.ok(timeline.known >= before.known, 'what is known stays known')
    const shown = lines(timeline)
    assert.equal(new Set(shown.map((line) => line.id)).size, shown.length, 'every message once')
    if (timeline.oldest === null) return
    for (const row of there.rows.values()) {
      if (row.change > timeline.known || row.seq < timeline.oldest) continue
      assert.equal(timeline.rows.get(row.id)?.change, row.change, `seed ${seed}: ${row.id} at ${row.change} was vouched for`)
    }
  }
  const answer = (happening: Happens) => {
    way.push(happening)
    if (random() < 0.1) way.push(happening)
  }
  for (let step = 0; step < 400; step++) {
    const known = [...there.rows.keys()]
    switch (pick(8)) {
      case 0:
        there.insert(`m${step}`, 'theirs', time(step), random() < 0.2)
        break
      case 1:
        if (known.length > 0) there.update(known[pick(known.length)]!, random() < 0.2 ? null : `edit ${step}`)
        break
      case 2:
        there.touch(true)
        break
      case 3: {
        // An own message; its answer may be lost, and then it is sent again.
        const id = `own${written++}`
        happen({ type: 'draft', draft: draft(id) })
        for (let sent = 0; sent < 1 + pick(2); sent++) {
          const { row, before } = there.insert(id, 'mine', time(step))
          if (random() < 0.7) answer({ type: 'row', row, before })
        }
        break
      }
      case 4:
        // Hints: a third is lost.
        while (told < there.told.agents.length) {
          const { change } = there.told.agents[told++]!
          if (random() > 0.33) answer({ type: 'heard', change })
        }
        break
      case 5: {
        const since = random() < 0.8 ? timeline.known : pick(timeline.known + 1)
        const { rows, upTo } = there.since(since, 1 + pick(5))
        answer({ type: 'changes', since, rows, upTo })
        break
      }
      case 6: {
        const change = there.change
        if (timeline.oldest === null) answer({ type: 'page', rows: there.page(Infinity, 5), size: 5, change })
        else answer({ type: 'page', rows: there.page(timeline.oldest, 5), size: 5, change: timeline.known })
        break
      }
      default: {
        // What is on its way arrives, in any order.
        const arrive = pick(4)
        for (let n = 0; n < arrive && way.length > 0; n++) happen(way.splice(pick(way.length), 1)[0]!)
      }
    }
  }
  // The client comes back: what is still on its way, a first page if there was none, and everything since.
  for (const happening of way) happen(happening)
  way = []
  if (timeline.oldest === null) happen({ type: 'page', rows: there.page(Infinity, 5), size: 5, change: there.change })
  for (let more = true; more; ) {
    const since = timeline.known
    const answered = there.since(since, 7)
    happen({ type: 'changes', since, rows: answered.rows, upTo: answered.upTo })
    more = answered.more
  }
  while (hasOlder(timeline)) {
    happen({ type: 'page', rows: there.page(timeline.oldest!, 5), size: 5, change: timeline.known })
  }
  assert.ok(!isBehind(timeline))
  assert.deepEqual(
    lines(timeline).map((line) => `${line.id} ${line.message?.content} ${line.message?.change}`),
    there.shown(),
    `seed ${seed}`,
  )
}

test('every message once, in order, in its last state, however answers and hints are mixed', () => {
  for (const seed of seeds(300)) interleave(seed)
})
