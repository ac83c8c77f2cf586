// The browser, a visitor's page and an agent's page over a whole project: PROJECT_URL says which, ADA_EMAIL,
// ADA_PASSWORD, BEN_EMAIL and BEN_PASSWORD who answers, CHROMIUM which browser, SCREENSHOTS where pictures go. Nothing waits
// for a time, everything for a condition.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, afterEach } from 'node:test'
import { chromium } from 'playwright-core'

function setting(name) {
  const value = process.env[name]
  assert.ok(value, `${name} is not set`)
  return value
}

export const url = setting('PROJECT_URL')
/** How the agents are called, and sign in. */
export const ADA = { name: 'Ada', email: setting('ADA_EMAIL'), password: setting('ADA_PASSWORD') }
export const BEN = { name: 'Ben', email: setting('BEN_EMAIL'), password: setting('BEN_PASSWORD') }

/** A profile of its own in a folder that goes with it, and nothing that asks the world. Chromium without its own windows draws
 * the same pages for half the processor time. */
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || '/usr/bin/chromium-headless-shell',
  args: [
    '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync',
  ],
})
after(() => browser.close())

/** What went wrong in any page: an error that nobody caught, a script that somebody brought in. */
const mishaps = []

/** A window of its own: nothing is shared with others but between its tabs. The pages' own rule against foreign scripts is
 * put aside, so that one that slipped in would run and be seen. */
export async function person() {
  const context = await browser.newContext({ viewport: { width: 1100, height: 760 }, locale: 'en-GB', bypassCSP: true })
  context.setDefaultTimeout(30_000)
  context.on('page', (page) => {
    page.on('pageerror', (error) => mishaps.push(`${page.url()}: ${error.stack}`))
    page.on('dialog', (dialog) => {
      mishaps.push(`${page.url()} says ${dialog.message()}`)
      void dialog.dismiss()
    })
  })
  return context
}

/** After a test: all windows are closed, and no page did what it should not. */
afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()))
  assert.deepEqual(mishaps.splice(0), [])
})

/** The project as its clients know it. */
export async function project() {
  const { anonKey, siteId } = await (await fetch(`${url}/demo/settings.json`)).json()
  return { url, anonKey, siteId }
}

/** A page of one side, with the words that tests use. */
class Side {
  constructor(page) {
    this.page = page
    this.text = page.getByRole('textbox', { name: 'Message' })
    this.log = page.getByRole('log', { name: 'Messages' })
    this.state = page.locator('#state')
    this.typing = page.getByRole('status', { name: 'Who writes' })
    this.alert = page.locator('#alert')
  }

  /** The line that has this text, and only this. */
  line(text) {
    return this.log.getByRole('listitem').filter({ has: this.page.getByText(text, { exact: true }) })
  }

  /** Waits until there is one such line; two fail. */
  async shows(text) {
    await this.line(text).waitFor()
    return this.line(text)
  }

  /** Waits until it has reached the database. */
  async sent(text) {
    await this.line(text).filter({ hasNot: this.page.getByRole('img', { name: 'not sent yet' }) }).waitFor()
  }

  /** Waits until the tick of a line says so. */
  async ticked(text, tick) {
    await this.line(text).getByRole('img', { name: tick, exact: true }).waitFor()
  }

  async write(text) {
    await this.text.fill(text)
    await this.text.press('Enter')
  }

  /** Chooses a file and sends it. */
  async sendFile(file, text = '') {
    await this.page.getByLabel('Attach a file').setInputFiles(file)
    await this.text.fill(text)
    await this.page.getByRole('button', { name: 'Send', exact: true }).click()
  }

  /** The texts of all lines, in order. */
  texts() {
    return this.log.locator('li > p').allTextContents()
  }

  async live() {
    await this.state.filter({ hasText: 'Live' }).waitFor()
  }

  /** A picture of the page, and where it is. */
  async picture(name) {
    const path = `${setting('SCREENSHOTS')}/${name}.png`
    await this.page.screenshot({ path })
    console.log(`screenshot: ${path}`)
  }
}

/** A visitor's page, in a window that may have others. */
export async function visitor(context) {
  const page = await context.newPage()
  await page.goto(`${url}/demo/visitor`)
  return new Side(page)
}

/** A visitor who has filled in what is asked first: `name`, with something that nobody was called before. */
export async function visitorNamed(name, context) {
  const side = await visitor(context ?? (await person()))
  side.name = `${name} ${randomUUID().slice(0, 4)}`
  await side.page.getByLabel('Name').fill(side.name)
  await side.page.getByLabel('E-mail').fill('visitor@example.com')
  await side.page.getByRole('button', { name: 'Start the chat' }).click()
  await side.text.waitFor()
  return side
}

/** An agent's page, signed in. */
export async function agent(who = ADA, status = 'online') {
  const page = await (await person()).newPage()
  await page.goto(`${url}/demo/agent`)
  await page.getByLabel('E-mail').fill(who.email)
  await page.getByLabel('Password').fill(who.password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByLabel('I am').selectOption(status)
  return new Side(page)
}

/** Somebody types, a key and another, until that is seen. */
export async function typesUntil(field, seen) {
  for (let keys = 1; ; keys++) {
    await field.press('x')
    try {
      return await seen.waitFor({ timeout: 300 })
    } catch (late) {
      if (keys === 100) throw late
    }
  }
}

/** The entry of the inbox that has this text. */
export function entry(desk, text) {
  return desk.page.getByRole('navigation', { name: 'Inbox' }).getByRole('listitem').filter({ hasText: text })
}

/** Opens a conversation of the inbox. */
export async function open(desk, text) {
  await entry(desk, text).getByRole('button').click()
}

/** Cuts a page off from a part of the project, until the answer is called. */
export async function cut(context, part) {
  const pattern = `${url}/${part}**`
  const handler = (route) => route.abort('connectionfailed')
  await context.route(pattern, handler)
  return () => context.unroute(pattern, handler)
}

/** The server does what it is asked, and the page waits for its answer for ever. `done`: the server has done it once. */
export async function withoutAnswer(context, part) {
  const pattern = `${url}/${part}**`
  let tell
  const done = new Promise((resolve) => {
    tell = resolve
  })
  const handler = async (route) => {
    await route.fetch()
    tell()
  }
  await context.route(pattern, handler)
  return { done, mend: () => context.unroute(pattern, handler) }
}

/** Lets a page send so many bytes a second, until the answer is called. */
export async function slowly(page, uploadThroughput) {
  const devtools = await page.context().newCDPSession(page)
  const set = (bytes) => devtools.send('Network.emulateNetworkConditions', {
    offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: bytes,
  })
  await set(uploadThroughput)
  return () => set(-1)
}

/** Takes Realtime away: no socket stays open. To be called before the page is there. */
export async function withoutRealtime(context) {
  await context.routeWebSocket(/\/realtime\/v1\//, (socket) => socket.close())
}
