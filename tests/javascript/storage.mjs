// The official Storage client against the Storage double: whatever a dashboard calls does what it does at Supabase.
// The environment says where and as whom; tests/e2e/storage_client.rs gives it.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { StorageClient } from '@supabase/storage-js'

const { PROJECT_URL, ANON_KEY, SERVICE_KEY, ADA_TOKEN, EVE_TOKEN, SITE_ID } = process.env
const client = (token) =>
  new StorageClient(`${PROJECT_URL}/storage/v1`, { apikey: ANON_KEY, Authorization: `Bearer ${token}` })
const [ada, eve, anybody, service] = [ADA_TOKEN, EVE_TOKEN, ANON_KEY, SERVICE_KEY].map(client)
const files = (of) => of.from('chat-media')
const newPath = (name) => `chat/${SITE_ID}/${randomUUID()}_${name}`
const picture = (text) => new Blob([text], { type: 'image/png' })

/** What went well, or the error as an assertion. */
const well = ({ data, error }) => {
  assert.equal(error, null)
  return data
}
const refused = ({ data, error }) => {
  assert.ok(error, `it was allowed: ${JSON.stringify(data)}`)
  return error
}
const textAt = async (url) => {
  const answer = await fetch(url)
  assert.ok(answer.ok, `${answer.status} at ${url}`)
  return answer.text()
}

/** A path with a file of Ada's behind it. */
const uploaded = async (text = 'hello') => {
  const path = newPath('a.png')
  assert.equal(well(await files(ada).upload(path, picture(text))).path, path)
  return path
}

test('a file goes up as Blob and as Buffer, and comes down as it was', async () => {
  const path = await uploaded()
  assert.equal(await well(await files(ada).download(path)).text(), 'hello')
  const other = newPath('b.png')
  well(await files(ada).upload(other, Buffer.from('bytes'), { contentType: 'image/png' }))
  const blob = well(await files(ada).download(other))
  assert.deepEqual([blob.type, await blob.text()], ['image/png', 'bytes'])
})

test('what is there is not written over unless it is said, and only by who may', async () => {
  const path = await uploaded()
  const taken = refused(await files(ada).upload(path, picture('x')))
  assert.equal(taken.statusCode, '409')
  well(await files(service).update(path, picture('new')))
  assert.equal(await well(await files(ada).download(path)).text(), 'new')
  well(await files(service).upload(path, picture('newer'), { upsert: true }))
  assert.equal(await well(await files(ada).download(path)).text(), 'newer')
})

test('others see nothing of it', async () => {
  const path = await uploaded()
  for (const other of [eve, anybody]) {
    refused(await files(other).download(path))
    refused(await files(other).createSignedUrl(path, 60))
    assert.deepEqual(well(await files(other).list(`chat/${SITE_ID}`)), [])
  }
  refused(await files(eve).upload(newPath('c.png'), picture('x')))
})

test('a signed address opens the file, under the name that was asked for', async () => {
  const path = await uploaded()
  const { signedUrl } = well(await files(ada).createSignedUrl(path, 60))
  assert.equal(await textAt(signedUrl), 'hello')
  const named = well(await files(ada).createSignedUrl(path, 60, { download: 'n.png' }))
  const answer = await fetch(named.signedUrl)
  assert.match(answer.headers.get('content-disposition') ?? '', /n\.png/)
  const [here, gone] = well(await files(ada).createSignedUrls([path, newPath('none.png')], 60))
  assert.equal(await textAt(here.signedUrl), 'hello')
  assert.ok(gone.error)
})

test('a signed upload puts one file', async () => {
  const path = newPath('d.png')
  const { token } = well(await files(ada).createSignedUploadUrl(path))
  well(await files(anybody).uploadToSignedUrl(path, token, picture('d')))
  assert.equal(await well(await files(ada).download(path)).text(), 'd')
  refused(await files(anybody).uploadToSignedUrl(newPath('e.png'), token, picture('e')))
})

test('a folder is listed, a file described', async () => {
  const path = await uploaded()
  const listed = well(await files(ada).list(`chat/${SITE_ID}`, { limit: 100 }))
  const name = path.split('/').at(-1)
  assert.equal(listed.find((file) => file.name === name)?.metadata.size, 5)
  assert.equal(well(await files(ada).info(path)).size, 5)
  assert.equal((await files(ada).exists(path)).data, true)
  assert.equal((await files(ada).exists(newPath('none.png'))).data, false)
})

test('agents take nothing away, the service does', async () => {
  const path = await uploaded()
  assert.deepEqual(well(await files(ada).remove([path])), [])
  assert.equal(well(await files(service).remove([path]))[0].name, path)
  refused(await files(ada).download(path))
})

test('buckets are the service\'s', async () => {
  refused(await ada.createBucket('mine'))
  well(await service.createBucket('open', { public: true }))
  well(await service.from('open').upload('a.txt', new Blob(['p'], { type: 'text/plain' })))
  assert.equal(await textAt(service.from('open').getPublicUrl('a.txt').data.publicUrl), 'p')
  assert.ok(well(await service.listBuckets()).some((bucket) => bucket.name === 'open'))
  well(await service.emptyBucket('open'))
  well(await service.deleteBucket('open'))
  assert.ok(!well(await service.listBuckets()).some((bucket) => bucket.name === 'open'))
})
