// The peer of `cargo x bench whatsapp`: the webhook of the users' own plan (LC-05, task 2), step by step, on tables, indexes
// and triggers of LC-01 (bench/sql). Its choices are the cheap ones: a pool and prepared statements where the plan has a
// client over HTTPS, one process without a framework.
// Left out: the plan's files (only texts come here), and answering before the work is done, which would lose messages.
import { createHmac, timingSafeEqual } from 'node:crypto'
import { createServer } from 'node:http'
import pg from 'pg'

const { DATABASE_URL, GRAPH_URL, WHATSAPP_ACCESS_TOKEN, WHATSAPP_APP_SECRET } = process.env
const WINDOW = "now() + interval '24 hours'"

const pool = new pg.Pool({ connectionString: DATABASE_URL, max: 16 })

/** One statement, prepared once a connection; its rows. */
async function ask(name, text, values) {
  return (await pool.query({ name, text, values })).rows
}

function verifyWebhookSignature(rawBody, signature) {
  const expected = Buffer.from(
    `sha256=${createHmac('sha256', WHATSAPP_APP_SECRET).update(rawBody).digest('hex')}`
  )
  const given = Buffer.from(signature ?? '')
  return given.length === expected.length && timingSafeEqual(given, expected)
}

async function markAsRead(phoneNumberId, messageId) {
  const answer = await fetch(`${GRAPH_URL}/v21.0/${phoneNumberId}/messages`, {
    method: 'POST',
    headers: { authorization: `Bearer ${WHATSAPP_ACCESS_TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify({ messaging_product: 'whatsapp', status: 'read', message_id: messageId }),
  })
  if (!answer.ok) throw new Error(`Graph says ${answer.status}: ${await answer.text()}`)
  await answer.arrayBuffer()
}

function contentOf(message) {
  if (message.type === 'text') return [message.text.body, 'text']
  if (message.type === 'location') return [JSON.stringify(message.location), 'location']
  throw new Error(`no ${message.type} is measured`)
}

async function processIncomingMessage(message, metadata, contacts) {
  // Which site: by the number.
  const [settings] = await ask(
    'site',
    'select site_id, auto_assign from seeds.widget_settings where whatsapp_phone_number_id = $1',
    [metadata.phone_number_id]
  )
  if (!settings) return console.error(`no site has the number ${metadata.phone_number_id}`)
  const site = settings.site_id

  // 1. Find or create the visitor.
  const name = contacts?.find((contact) => contact.wa_id === message.from)?.profile?.name
  let [visitor] = await ask(
    'visitor',
    'select id, name from seeds.visitors where site_id = $1 and whatsapp_phone = $2 limit 1',
    [site, message.from]
  )
  if (!visitor) {
    ;[visitor] = await ask(
      'new visitor',
      `insert into seeds.visitors (site_id, name, phone, whatsapp_phone, channel)
       values ($1, $2, $3, $3, 'whatsapp') returning id, name`,
      [site, name, message.from]
    )
  }

  // 2. Find or create the conversation; 3. extend its window.
  let [conversation] = await ask(
    'conversation',
    `select id, assigned_agent_id from seeds.conversations
     where visitor_id = $1 and channel = 'whatsapp' and status in ('pending', 'active', 'waiting')
     order by created_at desc limit 1`,
    [visitor.id]
  )
  if (conversation) {
    await ask('window', `update seeds.conversations set whatsapp_window_expires_at = ${WINDOW} where id = $1`, [
      conversation.id,
    ])
  } else {
    ;[conversation] = await ask(
      'new conversation',
      `insert into seeds.conversations (site_id, visitor_id, channel, status, whatsapp_window_expires_at)
       values ($1, $2, 'whatsapp', 'pending', ${WINDOW}) returning id, assigned_agent_id`,
      [site, visitor.id]
    )
  }

  // 4. The message.
  const [content, contentType] = contentOf(message)
  await ask(
    'message',
    `insert into seeds.messages (conversation_id, site_id, sender_type, sender_id, sender_name, content, content_type,
       status, whatsapp_message_id) values ($1, $2, 'visitor', $3, $4, $5, $6, 'delivered', $7) returning *`,
    [conversation.id, site, visitor.id, visitor.name ?? name, content, contentType, message.id]
  )

  // 5. Mark as read.
  await markAsRead(metadata.phone_number_id, message.id)

  // 6. Auto-assign.
  if (!conversation.assigned_agent_id && settings.auto_assign) {
    const [agent] = await ask(
      'agent',
      `select id from seeds.agents where site_id = $1 and status = 'online' and current_chat_count < max_concurrent_chats
       order by current_chat_count limit 1`,
      [site]
    )
    if (agent) {
      await ask('assign', `update seeds.conversations set assigned_agent_id = $2, status = 'active' where id = $1`, [
        conversation.id,
        agent.id,
      ])
      await ask('load', 'update seeds.agents set current_chat_count = current_chat_count + 1 where id = $1', [agent.id])
      conversation.assigned_agent_id = agent.id
    }
  }

  // 7. Notify the assigned agent, or all who are online.
  const people = conversation.assigned_agent_id
    ? await ask('assignee', 'select user_id from seeds.agents where id = $1', [conversation.assigned_agent_id])
    : await ask('online', `select user_id from seeds.agents where site_id = $1 and status = 'online'`, [site])
  for (const { user_id } of people) {
    await ask(
      'notification',
      `insert into seeds.notifications (site_id, user_id, type, title, body, data)
       values ($1, $2, 'new_chat_message', $3, $4, $5)`,
      [site, user_id, visitor.name ?? name, content, { conversationId: conversation.id }]
    )
  }
}

async function processMessageStatus(status) {
  await ask('status', 'update seeds.messages set status = $2, whatsapp_status = $2 where whatsapp_message_id = $1', [
    status.id,
    status.status,
  ])
}

async function take(request) {
  const parts = []
  for await (const part of request) parts.push(part)
  const rawBody = Buffer.concat(parts)
  if (!verifyWebhookSignature(rawBody, request.headers['x-hub-signature-256'])) return 401
  const payload = JSON.parse(rawBody)
  for (const entry of payload.entry) {
    for (const { value } of entry.changes) {
      for (const message of value.messages ?? []) await processIncomingMessage(message, value.metadata, value.contacts)
      for (const status of value.statuses ?? []) await processMessageStatus(status)
    }
  }
  return 200
}

const server = createServer(async (request, response) => {
  try {
    response.writeHead(await take(request)).end()
  } catch (error) {
    console.error(error)
    response.writeHead(500).end()
  }
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
