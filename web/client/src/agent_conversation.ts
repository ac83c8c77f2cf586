// A conversation that an agent has open: its messages with notes, answering, reading, typing.

import { only, type Calls } from './calls.js'
import type { Connection } from './connection.js'
import { Cursor } from './cursor.js'
import type { Outbox } from './outbox.js'
import type { ChatConversation, ChatMessage } from './shapes.js'
import { mapRecord, mapRecords } from './map_record.js'
import { Store } from './store.js'
import { Thread, type Source, type ThreadState } from './thread.js'
import type { Draft } from './timeline.js'
import { Typing } from './typing.js'

/** A person on WhatsApp is shown typing for 25 seconds. */
const WHATSAPP_TYPING_MS = 20_000

/** What an agent's page of a conversation shows. */
export interface AgentConversationState extends ThreadState<ChatMessage, ChatConversation> {
  /** The visitor writes just now. */
  readonly visitorTypes: boolean
  /** A colleague does. */
  readonly colleagueTypes: boolean
}

/** An open conversation. Get one from `AgentInbox.open`, and close it. */
export class AgentConversation {
  readonly state: Store<AgentConversationState>
  readonly thread: Thread<ChatMessage, ChatConversation>
  readonly #typing: Typing
  readonly #read: Cursor
  readonly #unwatch: (() => void)[]
  #whatsappTypingAt = 0

  constructor(
    readonly id: string,
    private readonly inbox: {
      readonly calls: Calls
      readonly connection: Connection
      readonly outbox: Outbox
      upload(draft: Draft, file: File): void
      closed(conversation: AgentConversation): void
    },
  ) {
    const { calls, connection, outbox } = inbox
    const mine = outbox.drafts().filter(({ conversationId }) => conversationId === id)
    this.thread = new Thread(messagesOf(calls, id), mine)
    connection.join(`chat:conversation:${id}`, {
      broadcast: (_event, { change }) => {
        if (typeof change === 'number') this.thread.happen({ type: 'heard', change })
      },
    })
    this.#typing = new Typing(id, 'agent', (event, payload) => topic.send(event, payload))
    const topic = connection.join(`chat:typing:${id}`, {
      joined: () => this.#typing.joined(),
      broadcast: (event, payload) => this.#typing.heard(event, payload),
    })
    this.#read = new Cursor((upTo) => calls.call('chat_read', { conversation: id, up_to: upTo }))
    this.state = new Store(this.#shown())
    const show = () => this.state.set(this.#shown())
    this.#unwatch = [this.thread.state.subscribe(show), this.#typing.state.subscribe(show)]
    void this.thread.look()
  }

  /** Answers. It is shown at once and sent as soon as that can be done. Answers its id. */
  send(content: string, { replyToId = null }: { replyToId?: string | null } = {}): string {
    this.#typing.ended()
    return this.#put({ content, replyToId })
  }

  /** Writes what only colleagues see. */
  note(content: string): string {
    return this.#put({ content, isInternalNote: true })
  }

  /** Sends a file, with words or without. Its progress is in the draft. */
  sendFile(file: File, content = ''): string {
    const draft = this.#draft({ content, file: { name: file.name, size: file.size, mimeType: file.type, stored: null } })
    this.#typing.ended()
    this.inbox.upload(draft, file)
    return draft.id
  }

  retry(id: string): void {
    this.inbox.outbox.retry(id)
  }

  discard(id: string): void {
    this.inbox.outbox.discard(id)
    this.thread.happen({ type: 'discarded', id })
  }

  older(): Promise<void> {
    return this.thread.older()
  }

  /** The agent has seen everything that is shown. */
  read(): Promise<void> {
    return this.#read.move(this.thread.newest)
  }

  /** At each key while the agent writes to the visitor; not while they write a note. */
  typed(): void {
    this.#typing.typed()
    const whatsapp = this.thread.conversation?.channel === 'whatsapp'
    if (!whatsapp || Date.now() - this.#whatsappTypingAt < WHATSAPP_TYPING_MS) return
    this.#whatsappTypingAt = Date.now()
    this.inbox.calls.call('chat_typing', { conversation: this.id }).catch(() => {
      // Only a courtesy.
    })
  }

  /** Leaves its topics. What is not sent is sent all the same. */
  close(): void {
    for (const unwatch of this.#unwatch.splice(0)) unwatch()
    this.#typing.stop()
    this.#read.stop()
    this.thread.stop()
    this.inbox.connection.leave(`chat:conversation:${this.id}`)
    this.inbox.connection.leave(`chat:typing:${this.id}`)
    this.inbox.closed(this)
  }

  #put(over: Partial<Draft>): string {
    const draft = this.#draft(over)
    this.inbox.outbox.put(draft)
    return draft.id
  }

  #draft(over: Partial<Draft>): Draft {
    return {
      id: crypto.randomUUID(), conversationId: this.id, content: '', replyToId: null, isInternalNote: false, file: null,
      createdAt: this.inbox.outbox.nextTime(), state: over.file ? 'uploading' : 'sending', progress: 0, error: null, ...over,
    }
  }

  #shown(): AgentConversationState {
    const sides = this.#typing.state.get()
    return {
      ...this.thread.state.get(),
      visitorTypes: sides.includes('visitor'),
      colleagueTypes: sides.includes('agent'),
    }
  }
}

/** An agent's view of a conversation's rows. */
function messagesOf(calls: Calls, conversation: string): Source<ChatMessage, ChatConversation> {
  return {
    first: async (size) => {
      const row = only(await calls.read('mod_chat_conversations', (q) => q.eq('id', conversation)))
      const rows = await calls.call('chat_messages', { conversation, page_size: size })
      return { conversation: row, change: row.lastChange, rows }
    },
    before: (before, size) => calls.call('chat_messages', { conversation, before, page_size: size }),
    since: async (since, size) => {
      const answer = await calls.call('chat_changes', { conversation, since, page_size: size })
      return {
        conversation: answer.conversation && mapRecord<ChatConversation>(answer.conversation),
        rows: mapRecords<ChatMessage>(answer.messages),
        change: answer.change,
        more: answer.more,
      }
    },
  }
}
