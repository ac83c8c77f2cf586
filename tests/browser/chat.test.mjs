// A whole chat on the two pages.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ADA, agent, BEN, entry, open, typesUntil, visitor, visitorNamed } from './stage.mjs'

test('both ways: the form, written, answered, noted, typing, ticks, resolved', async () => {
  const desk = await agent()
  const shop = await visitorNamed('Zoe Quill')
  await shop.write('Where is my parcel?')
  await open(desk, shop.name)
  await desk.shows('Where is my parcel?')
  await shop.ticked('Where is my parcel?', 'read')
  await shop.page.getByRole('heading', { name: 'Ada' }).waitFor()

  await Promise.all([shop.live(), desk.live()])
  await typesUntil(desk.text, shop.typing.filter({ hasText: 'Ada is writing' }))
  await desk.write('On its way, it left Rotterdam this morning.')
  await shop.shows('On its way, it left Rotterdam this morning.')
  await shop.typing.filter({ hasNotText: 'writing' }).waitFor()
  await desk.ticked('On its way, it left Rotterdam this morning.', 'read')

  const onlyForColleagues = desk.page.getByLabel('Only for colleagues')
  await onlyForColleagues.check()
  await desk.write('A regular: be nice')
  await desk.sent('A regular: be nice')
  await onlyForColleagues.uncheck()
  await typesUntil(shop.text, desk.typing.filter({ hasText: 'The visitor is writing' }))
  await shop.write('Thank you!\nAll the best')
  await entry(desk, shop.name).filter({ hasText: 'All the best' }).waitFor()
  await desk.shows('Thank you! All the best')
  await shop.ticked('Thank you! All the best', 'read')
  await shop.picture('visitor')
  await desk.picture('agent')
  assert.deepEqual(await shop.texts(), [
    'Where is my parcel?', 'On its way, it left Rotterdam this morning.', 'Thank you!\nAll the best',
  ])

  await desk.page.getByRole('button', { name: 'Resolve' }).click()
  await shop.state.filter({ hasText: 'ended' }).waitFor()
  await entry(desk, shop.name).waitFor({ state: 'detached' })
})

test('who is there, and how', async () => {
  const ada = await agent(ADA)
  const ben = await agent(BEN, 'away')
  const [adaSees, benSees] = [ada, ben].map((desk) => desk.page.getByLabel('Colleagues who are there'))
  await adaSees.filter({ hasText: 'Ben (away)' }).waitFor()
  await benSees.filter({ hasText: 'Ada (online)' }).waitFor()
  await ada.page.getByLabel('I am').selectOption('busy')
  await benSees.filter({ hasText: 'Ada (busy)' }).waitFor()
  await ben.page.context().close()
  await adaSees.filter({ hasText: 'Ben' }).waitFor({ state: 'detached' })
})

test('two tabs are one person, and each shows everything once', async () => {
  const one = await visitorNamed('Two Tabs')
  await one.write('from one')
  await one.sent('from one')
  const two = await visitor(one.page.context())
  await two.shows('from one')
  await two.write('from two')
  await one.shows('from two')
  await one.write('again from one')
  await two.shows('again from one')
  for (const tab of [one, two]) assert.deepEqual(await tab.texts(), ['from one', 'from two', 'again from one'])
})

test('ended by the visitor, begun again, forgotten', async () => {
  const shop = await visitorNamed('Short Visit')
  await shop.write('Hello')
  await shop.sent('Hello')
  await shop.page.getByRole('button', { name: 'End the chat' }).click()
  await shop.state.filter({ hasText: 'ended' }).waitFor()
  await shop.write('One more thing')
  await shop.sent('One more thing')
  await shop.state.filter({ hasNotText: 'ended' }).waitFor()
  await shop.page.getByRole('button', { name: 'Forget me' }).click()
  await shop.page.getByRole('button', { name: 'Start the chat' }).waitFor()
  assert.deepEqual(await shop.texts(), [])
})
