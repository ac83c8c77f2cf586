// A visitor's side of a chat: the session, the conversation that goes on, what they write, and what a page needs to show.

import { createClient, type SupabaseClientOptions } from '@supabase/supabase-js'
import { Calls, given, only, type Supabase } from './calls.js'
import { asChatError, type ChatError } from './chat_error.js'
import { Connection, type Polling } from './connection.js'
import { Cursor } from './cursor.js'
import { Outbox } from './outbox.js'
import type { ChatMyConversations, ChatMyMessages, OpenedSession, QueuePosition, WidgetConfig } from './shapes.js'
import { browserStorage, type KeyValue } from './storage.js'
import { Store } from './store.js'
import { Thread, type Source } from './thread.js'
import type { Draft, Line } from './timeline.js'
import { Typing } from './typing.js'
import { uploadFile } from './upload.js'
import { VisitorSession, type SessionOptions } from './visitor_session.js'
import { mapRecord } from './map_record.js'

/** A conversation that is not shown may be told of before it can be read (thread.ts), so it is looked for twice. */
const EARLY_MS = 1_000

/** Where a visitor chats. */
export interface VisitorChatOptions extends Omit<SessionOptions, 'storage'>, Polling {
  /** Default: localStorage, or memory where it is blocked. */
  storage?: KeyValue
  /** For supabase-js, such as `realtime.transport` in Node before 22. */
  supabase?: SupabaseClientOptions<'public'>
}

/** What a visitor's page shows. */
export interface VisitorChatState {
  /** opening; open; refused: see `error`; ended: the visitor signed out. */
  readonly session: 'opening' | 'open' | 'refused' | 'ended'
  readonly visitorId: string | null
  /** The conversation that goes on, or the last one; null before the first message. */
  readonly conversation: ChatMyConversations | null
  /** Messages of that conversation in order, then what is not sent yet. */
  readonly lines: readonly Line<ChatMyMessages>[]
  readonly hasOlder: boolean
  readonly isLoading: boolean
  /** Whether changes arrive by themselves; else they are asked for every few seconds. */
  readonly isLive: boolean
  /** Somebody of the site writes just now. */
  readonly agentTypes: boolean
  /** The place in the queue, as long as they wait. */
  readonly queue: QueuePosition | null
  readonly error: ChatError | null
}

/** A visitor's chat at a site. Open one with `VisitorChat.open`. */
export class VisitorChat {
  readonly state = new Store<VisitorChatState>({
    session: 'opening', visitorId: null, conversation: null, lines: [], hasOlder: false, isLoading: true, isLive: false,
    agentTypes: false, queue: null, error: null,
  })
  readonly supabase: Supabase
  readonly calls: Calls
  readonly #options: VisitorChatOptions
  readonly #session: VisitorSession
  readonly #connection: Connection
  readonly #outbox: Outbox
  #thread: Thread<ChatMyMessages, ChatMyConversations>
  #threadId: string | null = null
  #typing: Typing | null = null
  #read: Cursor | null = null
  #delivered: Cursor | null = null
  #unwatch: (() => void)[] = []
  #topics: readonly string[] = []
  #looking: Promise<void> | null = null
  #lookAgain = false
  #lookLater: ReturnType<typeof setTimeout> | undefined
  /** Why the last look failed. */
  #lookError: ChatError | null = null

  /** Opens the session at once, and goes on trying while the server cannot be reached. */
  static open(options: VisitorChatOptions): VisitorChat {
    const chat = new VisitorChat(options)
    void chat.look()
    return chat
  }

  private constructor(options: VisitorChatOptions) {
    this.#options = options
    const storage = options.storage ?? browserStorage()
    this.#session = new VisitorSession({ ...options, storage }, (session) => this.#opened(session))
    this.supabase = createClient(options.url, options.anonKey, {
      ...options.supabase,
      ...(options.fetch && { global: { ...options.supabase?.global, fetch: options.fetch } }),
      accessToken: () => this.#session.token(),
    })
    this.calls = new Calls(this.supabase, async () => void (await this.#session.open()))
    this.#outbox = new Outbox(storage, options.siteId, (draft) => this.#post(draft), (draft) =>
      this.#thread.happen({ type: 'draft', draft }))
    this.#thread = this.#watch(new Thread(null, this.#outbox.drafts()))
    this.#connection = new Connection(this.supabase, options, () => void this.look(), (isLive) => this.state.patch({ isLive }))
  }

  /** What the widget of the site looks like and asks. */
  config(): Promise<WidgetConfig> {
    return this.calls.call('chat_widget_config', { site: this.#options.siteId })
  }

  /** Fills in the form before the chat (pre_chat), or leaves a message while nobody is there (offline). What is wrong with
   * the fields is in the error's `body.problems`. */
  async submitForm(form: 'pre_chat' | 'offline', fields: Record<string, unknown>): Promise<void> {
    const { message } = await this.calls.call('chat_submit_form', { form, given: fields, message_id: crypto.randomUUID() })
    if (message) this.#arrived(mapRecord<ChatMyMessages>(message))
  }

  /** Agrees to a version of the site's privacy text. */
  async consent(version: number): Promise<void> {
    await this.calls.call('chat_consent', { version })
  }

  /** Writes. It is shown at once, sent as soon as that can be done, and survives a reload until then. Answers its id. */
  send(content: string, { replyToId = null }: { replyToId?: string | null } = {}): string {
    const draft = this.#draft(content, replyToId, null)
    this.#typing?.ended()
    this.#outbox.put(draft)
    return draft.id
  }

  /** Sends a file, with words or without. Its progress is in the draft. Answers the id. */
  sendFile(file: File, content = ''): string {
    const draft = this.#draft(content, null, { name: file.name, size: file.size, mimeType: file.type, stored: null })
    this.#typing?.ended()
    void this.#upload(draft, file)
    return draft.id
  }

  /** Sends again what was refused. A file that was not yet there has to be chosen again. */
  retry(id: string): void {
    this.#outbox.retry(id)
  }

  /** Throws away what was not sent. */
  discard(id: string): void {
    this.#outbox.discard(id)
    this.#thread.happen({ type: 'discarded', id })
  }

  /** Older messages of the conversation. */
  older(): Promise<void> {
    return this.#thread.older()
  }

  /** The visitor has seen everything that is shown. */
  async read(): Promise<void> {
    await this.#read?.move(this.#thread.newest)
  }

  /** At each key while somebody writes. */
  typed(): void {
    this.#typing?.typed()
  }

  /** An address that opens a message's file for an hour; null while it is not ready. */
  async fileUrl(messageId: string): Promise<string | null> {
    const { url } = await this.calls.call('chat_file_url', { message: messageId })
    return url?.startsWith('/') ? this.#options.url + url : url
  }

  /** Rates the conversation, 1 to 5, once. */
  async rate(rating: number, comment: string | null = null): Promise<void> {
    if (this.#threadId === null) return
    await this.calls.call('chat_rate', given({ conversation: this.#threadId, rating, comment }))
    await this.#thread.look()
  }

  /** Ends the conversation; the next message begins another, or this one again. */
  async end(): Promise<void> {
    if (this.#threadId === null) return
    await this.calls.call('chat_end', { conversation: this.#threadId })
    await this.#thread.look()
  }

  /** Proves who the visitor is to the site: `userHash` comes from the site's server (chat_identify). */
  async identify(userId: string, userHash: string, profile: { name?: string; email?: string; phone?: string } = {}): Promise<void> {
    this.#session.take(await this.calls.call('chat_identify', { user_id: userId, user_hash: userHash, profile }))
    await this.look()
  }

  /** Tells which page the visitor is on now. */
  async pageTurned(page: { url: string; title?: string }): Promise<void> {
    await this.calls.call('chat_set_page', { page })
  }

  /** Signs out: at a shared computer the next person finds nothing. What was not sent is thrown away. */
  async signOut(): Promise<void> {
    for (const { id } of this.#outbox.drafts()) this.discard(id)
    try {
      await this.calls.call('chat_end_session', {})
    } finally {
      this.#session.end()
      this.stop()
      this.state.patch({ session: 'ended', conversation: null, lines: [], queue: null })
    }
  }

  /** Looks what is new: of the session, which conversation goes on, and its messages. Whoever asks meanwhile is answered by
   * one more look. */
  async look(): Promise<void> {
    this.#lookAgain = true
    this.#looking ??= this.#look().finally(() => {
      this.#looking = null
    })
    await this.#looking
    if (this.#lookError === null) await this.#thread.look()
  }

  /** Goes away; what is not sent is sent at the next visit. */
  stop(): void {
    clearTimeout(this.#lookLater)
    this.#outbox.stop()
    this.#connection.stop()
    this.#leaveThread()
    void this.supabase.realtime.disconnect()
  }

  async #look(): Promise<void> {
    while (this.#lookAgain) {
      this.#lookAgain = false
      try {
        await this.#session.token()
        this.#outbox.wake()
        const rows = await this.calls.read('chat_my_conversations', (q) =>
          q.order('archived_at', { ascending: false, nullsFirst: true }).order('created_at', { ascending: false }).limit(1))
        if (rows[0]) this.#enter(rows[0].id)
        await this.#place(rows[0])
        this.#lookError = null
        this.state.patch({ session: 'open', error: this.#thread.state.get().error })
        this.#connection.looked(true)
      } catch (thrown) {
        const error = asChatError(thrown)
        this.#lookError = error
        this.state.patch({ error, ...(error.passes ? {} : { session: 'refused' }) })
        this.#connection.looked(!error.passes)
      }
    }
  }

  #opened(session: OpenedSession): void {
    this.state.patch({ session: 'open', visitorId: session.visitorId })
    for (const topic of this.#topics) if (!session.topics.includes(topic)) this.#connection.leave(topic)
    this.#topics = session.topics
    for (const topic of session.topics) {
      this.#connection.join(topic, { broadcast: (event, payload) => this.#told(event, payload) })
    }
  }

  #told(event: string, payload: Record<string, unknown>): void {
    if (event === 'queue_position') {
      this.#place(this.#thread.conversation).catch(() => this.look())
    } else if (payload['conversation_id'] === this.#threadId && typeof payload['change'] === 'number') {
      this.#thread.happen({ type: 'heard', change: payload['change'] })
    } else {
      void this.look()
      clearTimeout(this.#lookLater)
      this.#lookLater = setTimeout(() => void this.look(), EARLY_MS)
    }
  }

  #draft(content: string, replyToId: string | null, file: Draft['file']): Draft {
    return {
      id: crypto.randomUUID(), conversationId: null, content, replyToId, isInternalNote: false, file,
      createdAt: this.#outbox.nextTime(), state: file ? 'uploading' : 'sending', progress: 0, error: null,
    }
  }

  async #upload(draft: Draft, body: File): Promise<void> {
    this.#outbox.put(draft)
    try {
      const { name, size, mimeType } = draft.file!
      const place = await this.calls.call('chat_request_upload', { name, size_bytes: size, mime_type: mimeType })
      await uploadFile({
        url: this.#options.url, apiKey: this.#options.anonKey, token: await this.#session.token(), bucket: place.bucket,
        path: place.path, mimeType: place.mimeType, body,
        onProgress: (progress) => this.#thread.happen({ type: 'draft', draft: { ...draft, progress } }),
      })
      this.#outbox.put({ ...draft, state: 'sending', progress: 1, file: { ...draft.file!, stored: place.upload } })
    } catch (thrown) {
      const { code, message, hint } = asChatError(thrown)
      this.#outbox.discard(draft.id)
      this.#thread.happen({ type: 'draft', draft: { ...draft, state: 'failed', error: { code, message, hint } } })
    }
  }

  async #post(draft: Draft): Promise<void> {
    const row = await this.calls.call('chat_post_message', given({
      id: draft.id, content: draft.content, reply_to: draft.replyToId, upload: draft.file?.stored ?? null,
    }))
    this.#arrived(row)
  }

  #arrived(row: ChatMyMessages): void {
    this.#enter(row.conversationId)
    this.#thread.happen({ type: 'row', row, before: row.changeBefore })
    if (this.#thread.timeline.oldest === null) void this.#thread.look()
  }

  /** Shows this conversation from now on. */
  #enter(id: string): void {
    if (id === this.#threadId) return
    const source = this.#source(id)
    if (this.#threadId === null) {
      this.#thread.begin(source)
    } else {
      this.#leaveThread()
      this.#thread = this.#watch(new Thread(source, this.#outbox.drafts()))
    }
    this.#threadId = id
    const typing = new Typing(id, 'visitor', (event, payload) => topic.send(event, payload))
    const topic = this.#connection.join(`chat:typing:${id}`, {
      joined: () => typing.joined(),
      broadcast: (event, payload) => typing.heard(event, payload),
    })
    this.#typing = typing
    this.#unwatch.push(typing.state.subscribe(() => this.state.patch({ agentTypes: typing.state.get().includes('agent') })))
    this.#read = new Cursor((upTo) => this.calls.call('chat_read', { conversation: id, up_to: upTo }))
    this.#delivered = new Cursor((upTo) =>
      this.calls.call('chat_read', { conversation: id, up_to: upTo, only_delivered: true }))
  }

  #leaveThread(): void {
    for (const unwatch of this.#unwatch.splice(0)) unwatch()
    this.#typing?.stop()
    this.#read?.stop()
    this.#delivered?.stop()
    if (this.#threadId !== null) this.#connection.leave(`chat:typing:${this.#threadId}`)
    this.#thread.stop()
  }

  #watch(thread: Thread<ChatMyMessages, ChatMyConversations>): Thread<ChatMyMessages, ChatMyConversations> {
    const show = () => {
      const { conversation, lines, hasOlder, isLoading, error } = thread.state.get()
      this.state.patch({ conversation, lines, hasOlder, isLoading, error: this.#lookError ?? error })
      const theirs = lines.findLast((line) => line.message !== null && line.message.senderType !== 'visitor')
      if (theirs?.message) void this.#delivered?.move(theirs.message.publicSeq)
    }
    this.#unwatch.push(thread.state.subscribe(show))
    show()
    return thread
  }

  async #place(conversation: ChatMyConversations | null | undefined): Promise<void> {
    if (conversation?.status !== 'pending') return this.state.patch({ queue: null })
    this.state.patch({ queue: await this.calls.call('chat_queue_position', { conversation: conversation.id }) })
  }

  #source(id: string): Source<ChatMyMessages, ChatMyConversations> {
    const conversation = async () => only(await this.calls.read('chat_my_conversations', (q) => q.eq('id', id)))
    const messages = (narrow: Parameters<Calls['read']>[1]) =>
      this.calls.read('chat_my_messages', (q) => narrow!(q.eq('conversation_id', id)))
    return {
      first: async (size) => {
        const row = await conversation()
        const rows = await messages((q) => q.order('public_seq', { ascending: false }).limit(size))
        return { conversation: row, change: row.lastPublicChange, rows }
      },
      before: (number, size) =>
        messages((q) => q.lt('public_seq', number).order('public_seq', { ascending: false }).limit(size)),
      since: async (change, size) => {
        // The conversation first: what it counts is surely among the messages that are read after it.
        const row = await conversation()
        const rows = await messages((q) => q.gt('change', change).order('change').limit(size))
        const last = rows.at(-1)?.change ?? 0
        const more = rows.length === size
        return { conversation: row, rows, change: more ? last : Math.max(last, row.lastPublicChange), more }
      },
    }
  }
}
