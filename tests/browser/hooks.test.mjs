// The hooks of @pg-chat/client/react, drawn by React in a browser: both sides of a chat on one page
// (web/client/tests/react_page.ts).

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { build } from '../../web/client/node_modules/esbuild/lib/main.js'
import { ADA, person, project, typesUntil, url } from './stage.mjs'

test('React draws what is said, who writes and who is there', async () => {
  const { outputFiles } = await build({
    entryPoints: ['../../web/client/tests/build/react_page.js'],
    bundle: true, format: 'esm', target: 'es2022', write: false, define: { 'process.env.NODE_ENV': '"development"' },
  })
  const page = await (await person()).newPage()
  // A page of the project's origin, which may open its socket.
  await page.goto(`${url}/demo/settings.json`)
  await page.setContent('<div id="root"></div>')
  await page.evaluate((settings) => {
    globalThis.project = settings
  }, { ...(await project()), email: ADA.email, password: ADA.password })
  await page.addScriptTag({ type: 'module', content: outputFiles[0].text })

  const [shop, desk] = ['Visitor', 'Agent'].map((name) => ({
    side: page.getByRole('region', { name }),
    field: page.getByRole('textbox', { name: `${name} writes` }),
  }))
  const hello = `Hello ${randomUUID().slice(0, 4)}`
  await shop.field.fill(hello)
  await shop.field.press('Enter')
  await page.getByRole('button', { name: hello }).click()
  await desk.side.getByText(hello, { exact: true }).waitFor()
  await typesUntil(desk.field, shop.side.getByText('The other side writes'))
  await desk.field.fill('Good day')
  await desk.field.press('Enter')
  await shop.side.getByText('Good day', { exact: true }).waitFor()
  await shop.side.getByText('Nobody writes').waitFor()
  for (const { side } of [shop, desk]) assert.deepEqual(await side.getByRole('listitem').allTextContents(), [hello, 'Good day'])
  await page.getByRole('heading', { name: 'Ada is online, 1 there' }).waitFor()
  await page.getByRole('button', { name: 'Go away' }).click()
  await page.getByRole('heading', { name: 'Ada is away, 1 there' }).waitFor()
})
