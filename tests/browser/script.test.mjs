// Script in every field is text. The pages' own rule against foreign scripts is off here (stage.mjs), so one that got into a
// page would run, and fail the test.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { agent, entry, open, person, visitor } from './stage.mjs'

const SCRIPT = '<img src=x onerror="alert(1)"><script>alert(2)</script>"\'&amp;'

/** Whether the page has nothing in it that somebody wrote as HTML. */
async function isClean({ page }) {
  assert.equal(await page.locator('img[src="x"], body script').count(), 0)
}

test('names, texts, notes, file names, and what the site and its agents are called', async () => {
  // The site's name, welcome and privacy text and the agents' names are this too; tests/e2e/browser.rs wrote them.
  const desk = await agent()
  await desk.page.getByRole('heading', { name: SCRIPT, exact: true }).waitFor()
  const shop = await visitor(await person())
  await shop.page.getByRole('heading', { name: SCRIPT, exact: true }).waitFor()
  await shop.page.getByLabel('Name').fill(SCRIPT)
  await shop.page.getByLabel('E-mail').fill('visitor@example.com')
  await shop.page.getByRole('checkbox', { name: SCRIPT }).check()
  await shop.page.getByRole('button', { name: 'Start the chat' }).click()
  await shop.write(SCRIPT)
  await shop.sent(SCRIPT)
  await entry(desk, SCRIPT).waitFor()
  await open(desk, SCRIPT)
  await desk.shows(SCRIPT)
  await desk.page.getByRole('heading', { name: SCRIPT, exact: true, level: 2 }).waitFor()
  await shop.sendFile({ name: `${SCRIPT}.png`, mimeType: 'image/png', buffer: Buffer.from('no picture') }, 'a file')
  await shop.sent('a file')
  await desk.log.getByRole('button', { name: 'onerror' }).waitFor()
  await desk.page.getByLabel('Only for colleagues').check()
  await desk.write(`note ${SCRIPT}`)
  await desk.sent(`note ${SCRIPT}`)
  await desk.page.getByLabel('Only for colleagues').uncheck()
  await desk.write(`answer ${SCRIPT}`)
  await shop.shows(`answer ${SCRIPT}`)
  for (const side of [shop, desk]) await isClean(side)
})
