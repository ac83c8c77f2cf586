// SPEC-137's LiveChatAPI with the same methods over this client, so that code written for it moves over. A session is a
// conversation, a customer its visitor. What it did itself is the database's now: assigning, counting, read marks.

import { given } from './calls.js'
import { ChatError } from './chat_error.js'
import type { ChatMyConversations, ChatMyMessages } from './shapes.js'
import type { VisitorChat } from './visitor_chat.js'

/** A row of SPEC-137's chat_sessions, as far as a customer sees it. */
export interface ChatSession {
  id: string
  session_number: string | null
  status: 'waiting' | 'active' | 'ended'
  started_at: string
  agent_joined_at: string | null
  ended_at: string | null
  rating: number | null
  feedback_comment: string | null
  agent: { full_name: string | null; avatar_url: string | null } | null
}

/** A row of SPEC-137's chat_messages. */
export interface SessionMessage {
  id: string
  session_id: string
  sender_type: 'customer' | 'agent' | 'system'
  message: string
  message_type: 'text' | 'file' | 'image' | 'system'
  file_name: string | null
  file_size: number | null
  file_type: string | null
  is_read: boolean
  read_at: string | null
  created_at: string
  sender: { full_name: string | null; avatar_url: string | null }
}

/** The customer's side of SPEC-137, on a VisitorChat. */
export class LiveChatAPI {
  constructor(private readonly chat: VisitorChat) {}

  /** Tells who the customer is and where they are. The session is there with the first message. */
  async startChatSession(params: { customer_name: string; customer_email: string; page_url?: string }): Promise<ChatSession | null> {
    await this.chat.submitForm('pre_chat', { name: params.customer_name, email: params.customer_email })
    if (params.page_url !== undefined) await this.chat.pageTurned({ url: params.page_url })
    await this.chat.look()
    const { conversation } = this.chat.state.get()
    return conversation && sessionOf(conversation)
  }

  async getSession(sessionId: string): Promise<ChatSession | null> {
    const rows = await this.chat.calls.read('chat_my_conversations', (q) => q.eq('id', sessionId))
    return rows[0] ? sessionOf(rows[0]) : null
  }

  async getMessages(sessionId: string): Promise<SessionMessage[]> {
    const rows = await this.chat.calls.read('chat_my_messages', (q) =>
      q.eq('conversation_id', sessionId).order('sent_at').order('public_seq'))
    return rows.map(messageOf)
  }

  /** Answers when the message is in the database; `message_type` follows from what is sent. */
  async sendMessage(params: { session_id?: string | null; message: string; sender_type?: 'customer' }): Promise<SessionMessage> {
    const row = await this.chat.calls.call('chat_post_message', given({
      content: params.message, conversation: params.session_id ?? null, id: crypto.randomUUID(),
    }))
    void this.chat.look()
    return messageOf(row)
  }

  async setTyping(_sessionId: string, isTyping: boolean): Promise<void> {
    if (isTyping) this.chat.typed()
  }

  /** Each message once, those that are there first. */
  subscribeToMessages(sessionId: string, callback: (message: SessionMessage) => void): () => void {
    const told = new Set<string>()
    const tell = () => {
      for (const { message } of this.chat.state.get().lines) {
        if (message === null || message.conversationId !== sessionId || told.has(message.id)) continue
        told.add(message.id)
        callback(messageOf(message))
      }
    }
    tell()
    return this.chat.state.subscribe(tell)
  }

  subscribeToTyping(_sessionId: string, callback: (userId: string, isTyping: boolean) => void): () => void {
    let before = false
    return this.chat.state.subscribe(() => {
      const { agentTypes } = this.chat.state.get()
      if (agentTypes === before) return
      before = agentTypes
      callback('agent', agentTypes)
    })
  }

  async endSession(sessionId: string, rating?: number, comment?: string): Promise<void> {
    await this.chat.calls.call('chat_end', given({ conversation: sessionId, rating: rating ?? null, comment: comment ?? null }))
    await this.chat.look()
  }

  /** Sends the file as a message and answers an address that opens it for an hour. */
  async uploadFile(_sessionId: string, file: File): Promise<string> {
    const id = this.chat.sendFile(file)
    return new Promise((answered, fails) => {
      const stop = this.chat.state.subscribe(() => {
        const line = this.chat.state.get().lines.find((line) => line.id === id)
        if (line?.draft?.state === 'failed') {
          stop()
          const { message, code, hint } = line.draft.error!
          fails(new ChatError(message, code, 400, hint))
        } else if (line?.message) {
          stop()
          this.chat.fileUrl(id).then((url) => answered(url ?? ''), fails)
        }
      })
    })
  }
}

function sessionOf(row: ChatMyConversations): ChatSession {
  return {
    id: row.id,
    session_number: row.sessionNumber,
    status: row.archivedAt !== null ? 'ended' : row.status === 'pending' ? 'waiting' : 'active',
    started_at: row.createdAt,
    agent_joined_at: row.agentJoinedAt,
    ended_at: row.archivedAt,
    rating: row.rating,
    feedback_comment: row.ratingComment,
    agent: row.hasAgent ? { full_name: row.agentName, avatar_url: row.agentAvatar } : null,
  }
}

function messageOf(row: ChatMyMessages): SessionMessage {
  const plain = row.contentType === 'image' || row.contentType === 'system' ? row.contentType : 'text'
  return {
    id: row.id,
    session_id: row.conversationId,
    sender_type: row.senderType === 'visitor' ? 'customer' : row.senderType === 'ai' ? 'agent' : row.senderType,
    message: row.content ?? '',
    message_type: row.fileState !== null && plain === 'text' ? 'file' : plain,
    file_name: row.fileName,
    file_size: row.fileSize,
    file_type: row.fileMimeType,
    is_read: row.readAt !== null,
    read_at: row.readAt,
    created_at: row.createdAt,
    sender: { full_name: row.senderName, avatar_url: row.senderAvatar },
  }
}
