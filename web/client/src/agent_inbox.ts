// An agent's side: the list of conversations, badges, colleagues who are there, one's own status, and what is written.

import { AgentConversation } from './agent_conversation.js'
import { Calls, given, only, type Supabase } from './calls.js'
import { asChatError, ChatError } from './chat_error.js'
import { Connection, type Polling } from './connection.js'
import type { LiveTopic } from './live_topic.js'
import { Outbox } from './outbox.js'
import type { AgentStatus, ChatAgent, ChatMessage, ConversationCounts, ConversationFilters, ConversationListItem, PresenceState } from './shapes.js'
import { browserStorage, type KeyValue } from './storage.js'
import { Store } from './store.js'
import type { Draft } from './timeline.js'
import { uploadFile } from './upload.js'

/** Whose inbox, and of what. */
export interface AgentInboxOptions extends Polling {
  /** Signed in as the agent. */
  supabase: Supabase
  /** The project's address and public key, for uploads. */
  url: string
  anonKey: string
  siteId: string
  /** The agent's Supabase user. */
  userId: string
  filters?: ConversationFilters
  /** The agent's token, for uploads. Default: of the client's own session. */
  accessToken?: () => Promise<string | null>
  storage?: KeyValue
}

/** What an inbox shows. */
export interface AgentInboxState {
  /** Rows in the order of chat_inbox. */
  readonly conversations: readonly ConversationListItem[]
  readonly hasMore: boolean
  readonly counts: ConversationCounts | null
  /** Oneself; null for an owner who is no agent. */
  readonly me: ChatAgent | null
  /** Colleagues whose pages are open, by what these say. */
  readonly present: readonly PresenceState[]
  readonly filters: ConversationFilters
  readonly isLoading: boolean
  readonly isLive: boolean
  readonly error: ChatError | null
}

const PAGE = 25
/** A burst of changes is one look at the list. */
const QUIET_MS = 300

/** An agent's inbox at a site. */
export class AgentInbox {
  readonly state: Store<AgentInboxState>
  readonly calls: Calls
  readonly #options: AgentInboxOptions
  readonly #connection: Connection
  readonly #outbox: Outbox
  readonly #presence: LiveTopic
  readonly #open = new Map<string, AgentConversation>()
  #looking: Promise<void> | null = null
  #lookAgain = false
  #soon: ReturnType<typeof setTimeout> | undefined
  #heartbeat: ReturnType<typeof setTimeout> | undefined
  #stopped = false

  constructor(options: AgentInboxOptions) {
    const { supabase, siteId, userId } = options
    this.#options = options
    this.calls = new Calls(supabase, async () => {
      if (!options.accessToken) await supabase.auth.refreshSession()
    })
    this.state = new Store<AgentInboxState>({
      conversations: [], hasMore: false, counts: null, me: null, present: [], filters: options.filters ?? {},
      isLoading: true, isLive: false, error: null,
    })
    this.#outbox = new Outbox(options.storage ?? browserStorage(), `${siteId}:${userId}`, (draft) => this.#post(draft), (draft) =>
      this.#threadOf(draft)?.happen({ type: 'draft', draft }))
    this.#connection = new Connection(supabase, options, () => void this.look(), (isLive) => this.state.patch({ isLive }))
    this.#connection.join(`chat:site:${siteId}`, { broadcast: () => this.#lookSoon() })
    this.#presence = this.#connection.join(`chat:presence:${siteId}`, {
      presence: (there) => {
        const present = Object.values(there).flatMap((pages) => pages.slice(-1)) as unknown as PresenceState[]
        this.state.patch({ present: oneEach(present) })
      },
    })
    void this.look()
    void this.#beat()
  }

  /** Opens a conversation; the same one until it is closed. */
  open(conversationId: string): AgentConversation {
    const there = this.#open.get(conversationId)
    if (there) return there
    const conversation = new AgentConversation(conversationId, {
      calls: this.calls,
      connection: this.#connection,
      outbox: this.#outbox,
      upload: (draft, file) => void this.#upload(draft, file),
      closed: ({ id }) => this.#open.delete(id),
    })
    this.#open.set(conversationId, conversation)
    return conversation
  }

  /** Shows what another filter lets through. */
  async filter(filters: ConversationFilters): Promise<void> {
    this.state.patch({ filters, conversations: [], hasMore: false, isLoading: true })
    await this.look()
  }

  /** The next page of the list. */
  async more(): Promise<void> {
    const { conversations, filters } = this.state.get()
    const last = conversations.at(-1)
    if (!last || !this.state.get().hasMore) return
    const after = { is_open: last.isOpen, sort_at: last.sortAt, sla_due_at: last.slaDueAt, id: last.id }
    const page = await this.calls.call('chat_inbox', { filters: this.#asked(filters), after, page_size: PAGE })
    // Looked at anew or filtered otherwise meanwhile: the page belongs to another list.
    if (this.state.get().conversations !== conversations) return
    this.state.patch({ conversations: [...conversations, ...page], hasMore: page.length === PAGE })
  }

  /** Online, away, busy or offline; online hands out waiting chats at once. */
  async setStatus(status: AgentStatus): Promise<void> {
    const rows = await this.calls.call('chat_set_status', { site: this.#options.siteId, status })
    if (rows[0]) this.#me(rows[0])
    await this.#beat()
  }

  /** An address that opens a message's file for an hour; null while it is not ready. */
  async fileUrl(messageId: string): Promise<string | null> {
    const { url } = await this.calls.call('chat_file_url', { message: messageId })
    return url?.startsWith('/') ? this.#options.url + url : url
  }

  /** Looks what is new: the list as far as it is shown, the badges, oneself, and every open conversation. */
  look(): Promise<void> {
    this.#outbox.wake()
    for (const { thread } of this.#open.values()) void thread.look()
    this.#lookAgain = true
    this.#looking ??= this.#look().finally(() => {
      this.#looking = null
    })
    return this.#looking
  }

  /** Goes away. What is not sent is sent at the next visit. */
  stop(): void {
    this.#stopped = true
    clearTimeout(this.#soon)
    clearTimeout(this.#heartbeat)
    for (const conversation of [...this.#open.values()]) conversation.close()
    this.#outbox.stop()
    this.#connection.stop()
  }

  async #look(): Promise<void> {
    const { siteId, userId } = this.#options
    while (this.#lookAgain && !this.#stopped) {
      this.#lookAgain = false
      const { filters, conversations: shown } = this.state.get()
      const size = Math.min(Math.max(PAGE, Math.ceil(shown.length / PAGE) * PAGE), 100)
      try {
        const [conversations, counts, agents] = await Promise.all([
          this.calls.call('chat_inbox', { filters: this.#asked(filters), page_size: size }),
          this.calls.call('chat_counts', { site: siteId }),
          this.calls.read('mod_chat_agents', (q) => q.eq('site_id', siteId).eq('user_id', userId)),
        ])
        if (this.state.get().filters !== filters) {
          this.#lookAgain = true
          continue
        }
        this.state.patch({ conversations, hasMore: conversations.length === size, counts, isLoading: false, error: null })
        if (agents[0]) this.#me(agents[0])
        this.#connection.looked(true)
      } catch (thrown) {
        // It is asked again at the next hint, rejoin or poll.
        const error = asChatError(thrown)
        this.state.patch({ error, isLoading: false })
        this.#connection.looked(!error.passes)
      }
    }
  }

  #lookSoon(): void {
    this.#soon ??= setTimeout(() => {
      this.#soon = undefined
      void this.look()
    }, QUIET_MS)
  }

  #asked(filters: ConversationFilters): ConversationFilters {
    return { siteId: this.#options.siteId, ...filters }
  }

  #me(me: ChatAgent): void {
    this.state.patch({ me })
    this.#presence.track({ agentId: me.id, status: me.status, currentChats: me.currentChatCount, lastSeen: new Date().toISOString() })
  }

  /** Says that the page is still there, as often as the site asks. */
  async #beat(): Promise<void> {
    clearTimeout(this.#heartbeat)
    let seconds: number | null = 30
    try {
      seconds = (await this.calls.call('chat_heartbeat', { site: this.#options.siteId })).againInSeconds
    } catch (thrown) {
      // An owner who is no agent is not watched.
      if (!asChatError(thrown).passes) seconds = null
    }
    if (seconds !== null && !this.#stopped) this.#heartbeat = setTimeout(() => void this.#beat(), seconds * 1000)
  }

  async #post(draft: Draft): Promise<void> {
    const conversation = draft.conversationId!
    if (draft.isInternalNote) {
      await this.#insertNote(draft)
    } else if (draft.file) {
      const { stored, name, mimeType, size } = draft.file
      const rows = await this.calls.call('chat_send_media', given({
        id: draft.id, conversation, kind: kindOf(mimeType), file_url: stored!, content: draft.content || null,
        file_name: name, file_mime_type: mimeType, file_size: size, reply_to: draft.replyToId,
      }))
      this.#arrived(draft, rows[0])
    } else {
      const rows = await this.calls.call('chat_send_text', given({
        id: draft.id, conversation, content: draft.content, reply_to: draft.replyToId,
      }))
      this.#arrived(draft, rows[0])
    }
  }

  async #insertNote(draft: Draft): Promise<void> {
    const row = await this.calls.insert('mod_chat_messages', {
      id: draft.id, conversationId: draft.conversationId!, siteId: this.#options.siteId, senderType: 'agent',
      content: draft.content, contentType: 'note', isInternalNote: true,
    })
    this.#arrived(draft, row ?? only(await this.calls.read('mod_chat_messages', (q) => q.eq('id', draft.id))))
  }

  #arrived(draft: Draft, row: ChatMessage | undefined): void {
    if (row) this.#threadOf(draft)?.happen({ type: 'row', row, before: row.change - 1 })
  }

  #threadOf(draft: Draft) {
    return draft.conversationId === null ? undefined : this.#open.get(draft.conversationId)?.thread
  }

  async #upload(draft: Draft, body: File): Promise<void> {
    const { url, anonKey, siteId, supabase, accessToken } = this.#options
    this.#outbox.put(draft)
    const path = `chat/${siteId}/${crypto.randomUUID()}_${plainName(body.name)}`
    try {
      const token = accessToken ? await accessToken() : (await supabase.auth.getSession()).data.session?.access_token
      if (!token) throw new ChatError('nobody is signed in', 'no_session', 401, 'sign in again')
      await uploadFile({
        url, apiKey: anonKey, token, bucket: 'chat-media', path, mimeType: body.type, body,
        onProgress: (progress) => this.#threadOf(draft)?.happen({ type: 'draft', draft: { ...draft, progress } }),
      })
      this.#outbox.put({ ...draft, state: 'sending', progress: 1, file: { ...draft.file!, stored: path } })
    } catch (thrown) {
      const { code, message, hint } = asChatError(thrown)
      this.#outbox.discard(draft.id)
      this.#threadOf(draft)?.happen({ type: 'draft', draft: { ...draft, state: 'failed', error: { code, message, hint } } })
    }
  }
}

/** What a file is to WhatsApp and to a page that shows it. */
function kindOf(mimeType: string): string {
  const kind = mimeType.split('/')[0]!
  return ['image', 'video', 'audio'].includes(kind) ? kind : 'document'
}

/** The last part of a path, as the bucket takes it. */
function plainName(name: string): string {
  return name.replace(/[^A-Za-z0-9._-]+/g, '_').slice(-100) || 'file'
}

/** An agent with two pages is one agent. */
function oneEach(present: readonly PresenceState[]): PresenceState[] {
  return [...new Map(present.map((state) => [state.agentId, state])).values()]
}
