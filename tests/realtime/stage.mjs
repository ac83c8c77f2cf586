// What the facts are tried with: the address and keys of a project, sockets, claims, and waiting for what must come.

import assert from 'node:assert/strict'
import { createHmac, randomUUID } from 'node:crypto'
import { RealtimeClient } from '@supabase/realtime-js'
import pg from 'pg'
import WebSocket from 'ws'

const need = (name) => process.env[name] ?? assert.fail(`${name} is not set: take what \`cargo x up --env FILE\` writes`)

export const url = need('SUPABASE_URL')
export const anonKey = need('SUPABASE_ANON_KEY')
export const serviceKey = need('SUPABASE_SERVICE_ROLE_KEY')
export const siteId = need('SITE_ID')
const secret = need('SUPABASE_JWT_SECRET')

/** Longest that anything is waited for, in milliseconds: the real server delays refusals by five seconds. */
const PATIENCE = 20_000
/** How long nothing must come before it counts as not coming. */
export const SILENCE = 400

export const now = () => Math.floor(Date.now() / 1000)
export const sleep = (ms) => new Promise((done) => setTimeout(done, ms))
export const fresh = (kind = 'open') => `fact:${kind}:${randomUUID()}`

/** Asks again and again until there is an answer that is neither false nor nothing. */
export async function until(what, condition) {
  for (const end = Date.now() + PATIENCE; Date.now() < end; await sleep(10)) {
    const answer = await condition()
    if (answer) return answer
  }
  assert.fail(`waited in vain: ${what}`)
}

/** A token with these claims. */
export function sign(claims, key = secret) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`
  return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`
}
export const user = (more = {}) =>
  sign({ role: 'authenticated', aud: 'authenticated', sub: randomUUID(), exp: now() + 3600, ...more })

// The database ---------------------------------------------------------------------------------------------------------

export const database = new pg.Pool({ connectionString: need('DATABASE_URL'), max: 3 })

/** Broadcasts from the database. */
export const send = (topic, payload = { n: 1 }, event = 'ev', isPrivate = true) =>
  database.query('select realtime.send($1::jsonb, $2, $3, $4)', [payload, event, topic, isPrivate])

/** Policies for topics of these facts: what stands after `fact:` says what is allowed there. */
const POLICIES = [
  `create policy facts_read on realtime.messages for select to anon, authenticated using (
    case split_part((select realtime.topic()), ':', 2)
      when 'open' then true
      when 'read' then true
      when 'present' then extension = 'presence'
      when 'mine' then split_part(topic, ':', 3) = auth.uid()::text
      when 'header' then current_setting('request.headers', true)::jsonb ->> 'x-fact' = 'told'
      when 'raise' then 1 / (length(extension) - length(extension)) = 1
      else false
    end)`,
  `create policy facts_write on realtime.messages for insert to anon, authenticated with check (
    case split_part((select realtime.topic()), ':', 2) when 'open' then true when 'mine' then true else false end)`,
]
const dropPolicies = async () => {
  for (const name of ['facts_read', 'facts_write']) {
    await database.query(`drop policy if exists ${name} on realtime.messages`)
  }
}
export async function open() {
  await dropPolicies()
  for (const policy of POLICIES) await database.query(policy)
  if (double) await set()
  // The stream of a project that nobody used begins with its first channel.
  const client = connect()
  await ready(client, fresh())
  await bye(client)
}
export async function everybodyLeaves() {
  for (const client of [...clients]) await bye(client)
  for (const socket of sockets) socket.terminate()
}
export async function close() {
  await everybodyLeaves()
  if (double) await set()
  await dropPolicies()
  await database.end()
}

// What only the double can be told -------------------------------------------------------------------------------------

const control = `${url}/realtime/v1/double`
const asService = { Authorization: `Bearer ${serviceKey}`, 'Content-Type': 'application/json' }
/** Whether this is the double and no real project. */
export const double = (await fetch(control, { headers: asService })).ok
export const state = async () => (await fetch(control, { headers: asService })).json()
export async function tell(command) {
  const answer = await fetch(control, { method: 'POST', headers: asService, body: JSON.stringify(command) })
  assert.equal(answer.status, 204, await answer.text())
}
/** The real waits are long; refusals come at once here. */
export const set = (settings = {}, faults = {}) =>
  tell({
    do: 'set',
    settings: { connect_error_delay_ms: 0, join_error_delay_ms: 0, replication_retry_ms: 50, ...settings },
    faults,
  })
/** For facts that only the double can be brought to show. */
export const onDouble = { skip: !double && 'only the double can be told so' }

// The official client --------------------------------------------------------------------------------------------------

const clients = new Set()
export function connect(token, options = {}) {
  const client = new RealtimeClient(`${url.replace('http', 'ws')}/realtime/v1`, {
    params: { apikey: anonKey },
    transport: WebSocket,
    timeout: PATIENCE,
    ...(token ? { accessToken: typeof token === 'function' ? token : async () => token } : {}),
    ...options,
  })
  clients.add(client)
  return client
}
/** A client that has its token before it joins: a first join may go out before a token function has answered. */
export async function signedIn(token) {
  const client = connect(token)
  await client.setAuth()
  return client
}
export async function bye(client) {
  clients.delete(client)
  await client.removeAllChannels()
  await client.disconnect()
}

/** A channel that writes down what it hears: `statuses`, `heard` (broadcasts), `system`, `presence`. */
export function listen(client, topic, config = {}, prepare = () => {}) {
  const channel = client.channel(topic, { config: { private: true, ...config } })
  Object.assign(channel, { statuses: [], errors: [], heard: [], said: [], seen: [] })
  channel.on('broadcast', { event: '*' }, (message) => channel.heard.push(message))
  channel.on('system', {}, (message) => channel.said.push(message))
  prepare(channel)
  return channel.subscribe((status, error) => {
    channel.statuses.push(status)
    if (error) channel.errors.push(error.message)
  })
}
export const watchPresence = (channel) => {
  for (const event of ['sync', 'join', 'leave']) {
    channel.on('presence', { event }, (told) => channel.seen.push({ event, ...told }))
  }
}
/** Waits for a status. */
export const becomes = (channel, status, times = 1) =>
  until(`${status} of ${channel.topic}, so far ${channel.statuses} ${channel.errors}`, () =>
    channel.statuses.filter((one) => one === status).length >= times)
/** A channel that is joined. */
export async function joined(client, topic, config, prepare) {
  const channel = listen(client, topic, config, prepare)
  await becomes(channel, 'SUBSCRIBED')
  return channel
}
/** A channel that is joined while rows stream in. */
export async function ready(client, topic, config = {}, prepare) {
  const channel = await joined(client, topic, { ...config, broadcast: { ...config.broadcast, replication_ready: true } }, prepare)
  await until('replication', () => channel.said.find((one) => one.message === 'Replication connection established'))
  return channel
}
/** Why a join is refused. */
export async function refused(client, topic, config, prepare) {
  const channel = listen(client, topic, config, prepare)
  await becomes(channel, 'CHANNEL_ERROR')
  const [error] = channel.errors
  await client.removeChannel(channel)
  return error
}
/** Waits for broadcasts; gives all that came. */
export async function hears(channel, count = 1) {
  await until(`${count} broadcasts on ${channel.topic}, so far ${JSON.stringify(channel.heard)}`, () => channel.heard.length >= count)
  return channel.heard
}

// A bare socket --------------------------------------------------------------------------------------------------------

const sockets = new Set()
/** A socket without the client: what stands on the wire. */
export class Wire {
  static async open({ vsn = '2.0.0', key = anonKey, headers = {} } = {}) {
    const query = new URLSearchParams({ ...(key && { apikey: key }), ...(vsn && { vsn }) })
    const socket = new WebSocket(`${url.replace('http', 'ws')}/realtime/v1/websocket?${query}`, { headers })
    sockets.add(socket)
    const wire = new Wire()
    Object.assign(wire, { socket, vsn, frames: [], closed: null, refs: 0 })
    socket.on('message', (data, isBinary) => wire.frames.push(isBinary ? data : JSON.parse(data)))
    socket.on('close', (code) => { wire.closed = code })
    await new Promise((done, fail) => {
      socket.on('open', done)
      socket.on('error', fail)
      socket.on('unexpected-response', async (_, answer) => {
        let body = ''
        for await (const piece of answer) body += piece
        fail(Object.assign(new Error(`${answer.statusCode} ${body}`), { status: answer.statusCode, body: JSON.parse(body) }))
      })
    })
    return wire
  }
  /** Sends a message; gives its reference. */
  push(topic, event, payload = {}, joinRef = null) {
    const ref = String(++this.refs)
    this.socket.send(JSON.stringify(
      this.vsn === '2.0.0' ? [joinRef, ref, topic, event, payload] : { topic, event, payload, ref, join_ref: joinRef }))
    return ref
  }
  /** A text message as {join_ref, ref, topic, event, payload}. */
  texts() {
    const named = ([join_ref, ref, topic, event, payload]) => ({ join_ref, ref, topic, event, payload })
    return this.frames.filter((one) => !Buffer.isBuffer(one)).map((one) => Array.isArray(one) ? named(one) : one)
  }
  binaries() {
    return this.frames.filter((one) => Buffer.isBuffer(one))
  }
  got(event, more = () => true) {
    return until(`${event}, so far ${JSON.stringify(this.texts())}`, () => this.texts().find((one) => one.event === event && more(one)))
  }
  reply(ref) {
    return this.got('phx_reply', (one) => one.ref === ref)
  }
  /** Joins; gives the payload of the reply. */
  async join(name, config = {}, more = {}) {
    const joinRef = String(this.refs + 1)
    const ref = this.push(`realtime:${name}`, 'phx_join', { config, ...more }, joinRef)
    return { ...(await this.reply(ref)).payload, ref }
  }
  async ended() {
    await until('the end of the socket', () => this.closed !== null)
    return this.closed
  }
}
