// What a page does when something is gone for a while: nothing is lost, nothing doubled, what was typed is kept.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { agent, cut, entry, open, person, visitor, visitorNamed, withoutAnswer, withoutRealtime } from './stage.mjs'

test('loaded anew in the middle of a send: sent once', async () => {
  const desk = await agent()
  const shop = await visitorNamed('Reload')
  await shop.write('before')
  await shop.sent('before')
  const { done, mend } = await withoutAnswer(shop.page.context(), 'rest/v1/rpc/chat_post_message')
  await shop.write('in the middle')
  await shop.write('and after it')
  await done
  await mend()
  await shop.page.reload()
  const all = ['before', 'in the middle', 'and after it']
  for (const text of all) await shop.sent(text)
  await open(desk, shop.name)
  await desk.shows('and after it')
  assert.deepEqual(await shop.texts(), all)
  assert.deepEqual(await desk.texts(), all)
})

test('PostgREST is down: what was written waits in order, what is being typed stays, over a reload', async () => {
  const desk = await agent()
  const shop = await visitorNamed('Waiting')
  await shop.write('one')
  await shop.sent('one')
  const mend = await cut(shop.page.context(), 'rest/v1/')
  await shop.write('two')
  await shop.write('three')
  await shop.text.fill('not sent, only ty')
  await shop.page.reload()
  await shop.alert.filter({ hasText: 'cannot be reached' }).waitFor()
  assert.deepEqual(await shop.texts(), ['two', 'three'])
  assert.equal(await shop.text.inputValue(), 'not sent, only ty')
  await mend()
  for (const text of ['one', 'two', 'three']) await shop.sent(text)
  await shop.alert.waitFor({ state: 'hidden' })
  assert.deepEqual(await shop.texts(), ['one', 'two', 'three'])
  await open(desk, shop.name)
  await desk.shows('three')
  assert.deepEqual(await desk.texts(), ['one', 'two', 'three'])
})

test('PostgREST goes away under open pages: what they missed comes when it is back, though nothing more happens', async () => {
  const desk = await agent()
  const shop = await visitorNamed('Steady')
  await shop.write('Hello')
  await open(desk, shop.name)
  await desk.shows('Hello')
  await Promise.all([shop.live(), desk.live()])
  for (const [from, to, text] of [[desk, shop, 'Good day'], [shop, desk, 'Are you there?']]) {
    const mend = await cut(to.page.context(), 'rest/v1/')
    await from.write(text)
    await to.alert.filter({ hasText: 'cannot be reached' }).waitFor()
    await mend()
    await to.shows(text)
    await to.alert.waitFor({ state: 'hidden' })
  }
  await entry(desk, shop.name).filter({ hasText: 'Are you there?' }).waitFor()
})

test('Realtime is down: both sides look for themselves', async () => {
  const context = await person()
  await withoutRealtime(context)
  const shop = await visitorNamed('Polled', context)
  const desk = await agent()
  await withoutRealtime(desk.page.context())
  await desk.page.reload()
  await shop.write('Hello')
  await open(desk, shop.name)
  await desk.shows('Hello')
  await desk.write('Good day')
  await shop.shows('Good day')
  for (const side of [shop, desk]) await side.state.filter({ hasText: 'Looking every few seconds' }).waitFor()
})
