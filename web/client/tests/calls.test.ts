// Calls: names in both directions, refusals as they are thrown, a token that is renewed once.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createClient } from '@supabase/supabase-js'
import { Calls, ChatError, mapRecord, mapRecords, type ChatMessage } from '@pg-chat/client'
import liveChatManifest, { MODULE_EVENTS, MODULE_PERMISSIONS } from '@pg-chat/client/manifest'

interface Asked {
  method: string
  path: string
  body: unknown
}

/** A project that answers this, one after the other. */
function project(...answers: [status: number, body: unknown][]) {
  const asked: Asked[] = []
  const supabase = createClient('http://project.test', 'key', {
    accessToken: async () => 'token',
    global: {
      fetch: async (input, init) => {
        const { pathname, search } = new URL(String(input))
        asked.push({ method: init?.method ?? 'GET', path: pathname + search, body: init?.body ? JSON.parse(String(init.body)) : null })
        const answer = answers.shift()
        if (!answer) throw new TypeError('fetch failed')
        return new Response(JSON.stringify(answer[1]), { status: answer[0], headers: { 'content-type': 'application/json' } })
      },
    },
    realtime: { transport: class {} as never },
  })
  return { supabase, asked }
}

test('columns become properties, and what a column holds stays', () => {
  const row = { id: 'x', last_message_at: null, custom_data: { order_no: 1 }, _odd: 1 }
  assert.deepEqual(mapRecord(row), { id: 'x', lastMessageAt: null, customData: { order_no: 1 }, Odd: 1 })
  const rows = mapRecords<ChatMessage>([{ id: 'x', is_internal_note: true, file_size: 3 }])
  assert.equal(rows[0]!.isInternalNote, true)
  assert.equal(rows[0]!.fileSize, 3)
})

test('rows and answers come in camelCase', async () => {
  const { supabase, asked } = project([200, [{ id: 'm', sent_at: 't' }]], [200, { read_seq: 4, unread: 0 }], [200, true])
  const calls = new Calls(supabase)
  assert.equal((await calls.call('chat_messages', { conversation: 'c', page_size: 2 }))[0]!.sentAt, 't')
  assert.equal((await calls.call('chat_read', { conversation: 'c' })).readSeq, 4)
  assert.equal(await calls.call('chat_may', { site: 's', permission: 'p' }), true)
  assert.deepEqual(asked[0], { method: 'POST', path: '/rest/v1/rpc/chat_messages', body: { conversation: 'c', page_size: 2 } })
})

test('properties are written as columns', async () => {
  const { supabase, asked } = project([201, { id: 'm', is_internal_note: true }], [200, { id: 'v', language: 'de' }])
  const calls = new Calls(supabase)
  await calls.insert('mod_chat_messages', { conversationId: 'c', isInternalNote: true })
  await calls.update('mod_chat_visitors', 'v', { language: 'de' })
  assert.deepEqual(asked[0]!.body, { conversation_id: 'c', is_internal_note: true })
  assert.equal(asked[1]!.path, '/rest/v1/mod_chat_visitors?id=eq.v&select=*')
})

test('a refusal has its code, its status and the way out', async () => {
  const { supabase } = project([409, { code: 'PT409', details: 'chat/agent_full', message: 'full', hint: 'choose another' }])
  const error = await new Calls(supabase).call('chat_claim', { conversation: 'c' }).catch((thrown: unknown) => thrown)
  assert.ok(error instanceof ChatError)
  assert.deepEqual([error.code, error.status, error.hint, error.passes], ['chat/agent_full', 409, 'choose another', false])
})

test('what was counted says when to come again; a form says what is wrong with it', async () => {
  const { supabase } = project(
    [429, { code: 'PT429', details: 'chat/too_many', message: 'slowly', retry_after: 7 }],
    [422, { code: 'PT422', details: 'chat/form_invalid', message: 'no', problems: [{ field: 'email', problem: 'invalid' }] }])
  const calls = new Calls(supabase)
  const many = (await calls.call('chat_post_message', { content: 'x' }).catch((thrown: unknown) => thrown)) as ChatError
  assert.deepEqual([many.retryAfter, many.passes], [7, true])
  const form = (await calls.call('chat_submit_form', { form: 'pre_chat', given: {} }).catch((thrown: unknown) => thrown)) as ChatError
  assert.deepEqual(form.body['problems'], [{ field: 'email', problem: 'invalid' }])
})

test('nobody answers: it passes', async () => {
  const error = (await new Calls(project().supabase).call('chat_claim', { conversation: 'c' }).catch((thrown: unknown) => thrown)) as ChatError
  assert.deepEqual([error.status, error.passes], [0, true])
})

test('a token that is over is renewed once, and the call made again', async () => {
  const dead: [number, unknown] = [401, { code: 'PT401', details: 'chat/session_dead', message: 'dead' }]
  let renewed = 0
  const renew = async () => void (renewed += 1)
  assert.equal(await new Calls(project(dead, [200, true]).supabase, renew).call('chat_may', { site: 's', permission: 'p' }), true)
  await assert.rejects(new Calls(project(dead, dead).supabase, renew).call('chat_may', { site: 's', permission: 'p' }), { code: 'chat/session_dead' })
  assert.equal(renewed, 2)
})

test('the manifest names what there is', () => {
  assert.equal(liveChatManifest.id, 'live-chat')
  assert.equal(MODULE_PERMISSIONS.length, 10)
  assert.equal(Object.values(MODULE_EVENTS).flatMap((names) => Object.values(names)).length, 12)
  assert.ok(liveChatManifest.navigation.subMenu.every(({ href }) => href.startsWith('/dashboard/sites/[siteId]/live-chat')))
})
