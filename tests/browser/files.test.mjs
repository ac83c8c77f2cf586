// Files both ways: progress, previews, the same bytes, and what is refused.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { deflateSync } from 'node:zlib'
import { agent, open, slowly, visitorNamed } from './stage.mjs'

/** A picture of a sunset over water, as a PNG. */
function sunset(width, height) {
  const rows = Buffer.alloc((width * 3 + 1) * height)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const away = Math.hypot(x - width / 2, y - height * 0.55) / height
      const glow = Math.max(0, 1 - away * 1.4)
      const water = y > height * 0.6 ? 0.55 + 0.1 * Math.sin(y * 0.7 + x * 0.05) : 1
      const color = [120 + 135 * glow, 70 + 110 * glow, 110 - 40 * glow].map((part) => Math.round(part * water))
      rows.set(color, y * (width * 3 + 1) + 1 + x * 3)
    }
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, 2, 0, 0, 0], 8)
  const parts = [['IHDR', header], ['IDAT', deflateSync(rows)], ['IEND', Buffer.alloc(0)]]
  return Buffer.concat([Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]), ...parts.map(([name, data]) => chunk(name, data))])
}

function chunk(name, data) {
  const named = Buffer.concat([Buffer.from(name), data])
  const around = Buffer.alloc(8)
  around.writeUInt32BE(data.length, 0)
  around.writeUInt32BE(crc(named), 4)
  return Buffer.concat([around.subarray(0, 4), named, around.subarray(4)])
}

function crc(bytes) {
  let sum = ~0
  for (const byte of bytes) {
    sum ^= byte
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0)
  }
  return ~sum >>> 0
}

/** Waits until the preview is drawn. */
async function drawn(side, name) {
  const picture = side.log.getByRole('img', { name })
  await picture.waitFor()
  await side.page.waitForFunction((image) => image.naturalWidth > 0, await picture.elementHandle())
}

/** What is saved when somebody presses the button of a file. */
async function saved(side, name) {
  const [download] = await Promise.all([
    side.page.waitForEvent('download'),
    side.log.getByRole('button', { name }).click(),
  ])
  assert.equal(download.suggestedFilename(), name)
  return readFile(await download.path())
}

test('a picture is seen on both sides, a document is saved with the same bytes', async () => {
  const desk = await agent()
  const shop = await visitorNamed('Pictures')
  const picture = sunset(480, 300)
  await shop.sendFile({ name: 'evening.png', mimeType: 'image/png', buffer: picture }, 'It arrived like this')
  await drawn(shop, 'evening.png')
  await open(desk, shop.name)
  await drawn(desk, 'evening.png')
  assert.deepEqual(await saved(desk, 'evening.png'), picture)
  const document = Buffer.from('%PDF-1.4 an offer')
  await desk.sendFile({ name: 'offer.pdf', mimeType: 'application/pdf', buffer: document }, 'Our offer')
  await shop.shows('Our offer')
  assert.deepEqual(await saved(shop, 'offer.pdf'), document)
  await shop.picture('visitor-files')
  await desk.picture('agent-files')
})

test('an upload shows how far it is', async () => {
  const shop = await visitorNamed('Slow Line')
  const fast = await slowly(shop.page, 1_000_000)
  await shop.sendFile({ name: 'large.png', mimeType: 'image/png', buffer: Buffer.alloc(4_000_000, 7) })
  const progress = shop.log.getByRole('progressbar', { name: 'Upload of large.png' })
  await progress.waitFor()
  await shop.page.waitForFunction(() => {
    const bar = document.querySelector('progress')
    return bar && bar.value > 0 && bar.value < 1
  })
  await fast()
  await shop.log.getByRole('button', { name: 'large.png' }).waitFor()
  await progress.waitFor({ state: 'detached' })
})

test('a type that the site does not take, and a file that is too large, say so and can be thrown away', async () => {
  const shop = await visitorNamed('Refused')
  const files = [
    [{ name: 'game.exe', mimeType: 'application/x-msdownload', buffer: Buffer.from('MZ') }, 'does not take files of type'],
    [{ name: 'film.png', mimeType: 'image/png', buffer: Buffer.alloc(11 * 1024 * 1024) }, 'has 1 byte to 10 MB'],
  ]
  for (const [file, why] of files) {
    await shop.sendFile(file)
    await shop.log.getByRole('listitem').filter({ hasText: file.name }).getByText(why).waitFor()
    await shop.log.getByRole('button', { name: 'Throw away' }).click()
    await shop.log.getByText(file.name).waitFor({ state: 'detached' })
  }
  await shop.write('then in words')
  await shop.sent('then in words')
})
