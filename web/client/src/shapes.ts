// The shapes a dashboard works with: the database's own (database.ts, written from the catalog), and those within jsonb
// and on the wire, which the catalog does not know.

export * from './database.js'

import type {
  AgentStatus,
  ConversationChannel,
  ConversationPriority,
  ConversationStatus,
} from './database.js'

// ─── Settings ────────────────────────────────────────────────────────────────

/** Opening hours by weekday, in the settings' time zone. A day that is left out is closed. */
export interface BusinessHoursConfig {
  monday?: DayHours
  tuesday?: DayHours
  wednesday?: DayHours
  thursday?: DayHours
  friday?: DayHours
  saturday?: DayHours
  sunday?: DayHours
  /** The longer form: with week or holidays, and without the days above. */
  week?: Partial<Record<Weekday, OpenSpan[]>>
  holidays?: Holiday[]
}

export type Weekday = 'monday' | 'tuesday' | 'wednesday' | 'thursday' | 'friday' | 'saturday' | 'sunday'

/** "09:00" to "17:00"; an end that is no later than the start is on the next day, "24:00" is a day's end. */
export interface OpenSpan {
  start: string
  end: string
}

/** A date that is otherwise than its weekday: open in its spans, closed without any. */
export interface Holiday {
  /** "2026-12-24", or "12-24" for every year. */
  date: string
  /** The last of several dates, where `date` has a year. */
  until?: string
  name?: string
  spans?: OpenSpan[]
}

/** One day: from start to end, as "09:00". */
export interface DayHours {
  enabled: boolean
  start: string
  end: string
}

// ─── Lists ───────────────────────────────────────────────────────────────────

/** What chat_inbox, chat_inbox_count and saved views take. Whatever is left out, null or 'all' lets everything through. */
export interface ConversationFilters {
  /** Also open (pending, active, waiting), archived (the others) and snoozed. */
  status?: ConversationStatus | 'open' | 'archived' | 'snoozed' | 'all' | null
  channel?: ConversationChannel | 'all' | null
  /** An agent's id, or 'me' for whoever asks. */
  assignedAgentId?: string | 'me' | 'unassigned' | 'all' | null
  departmentId?: string | 'none' | 'all' | null
  priority?: ConversationPriority | 'all' | null
  /** Name, mail, phone, subject, CHAT-00000001 or words that were said. */
  search?: string | null
  /** From when on: of an open conversation its last message, of another its end. A day or a time. */
  dateFrom?: string | null
  /** Until when; a day is meant to its end. */
  dateTo?: string | null
  siteId?: string | 'all' | null
  /** Meta's id of the WhatsApp number written to. */
  phoneNumberId?: string | 'all' | null
  visitorId?: string | 'all' | null
  /** A tag, or tags that must all be there. */
  tags?: string | string[] | null
  unread?: boolean | null
  /** Clocks of what was promised: one runs, is late enough for a warning, is broken. */
  sla?: 'running' | 'warned' | 'breached' | 'all' | null
  /** By sla_due_at, only what has one; else by the last message. */
  sort?: 'last_message' | 'sla' | null
}

/** Figures of a site now and today. */
export interface ChatOverviewStats {
  activeConversations: number
  pendingConversations: number
  onlineAgents: number
  avgResponseTime: number
  todayConversations: number
  todayResolved: number
  todayMissed: number
  satisfactionScore: number
}

/** Figures of one agent. */
export interface AgentPerformanceData {
  agentId: string
  agentName: string
  avatarUrl: string | null
  totalChats: number
  resolvedChats: number
  avgResponseTime: number
  avgRating: number
  totalRatings: number
  currentLoad: number
  maxLoad: number
}

// ─── Answers ─────────────────────────────────────────────────────────────────
// As mapRecord gives them: the keys of the answer itself in camelCase, rows within it as the database wrote them.

/** A visitor's session. `key` opens it again, and is null from chat_identify. */
export interface OpenedSession {
  token: string
  expiresAt: string
  key?: string | null
  siteId: string
  sessionId: string
  visitorId: string
  resumed?: boolean
  /** Topics of Realtime that tell the visitor's changes. */
  topics: string[]
}

/** What changed in a conversation. Rows are as they are stored: give them to mapRecord. */
export interface ConversationChanges {
  /** Null when its own fields did not change. */
  conversation: StoredConversation | null
  messages: StoredMessage[]
  more: boolean
  /** To ask with next. */
  change: number
}

/** A row as it is stored, its columns in snake_case; mapRecord makes it what the name says. */
export type StoredMessage = Record<string, unknown>
export type StoredConversation = Record<string, unknown>

/** Badges of an inbox. */
export interface ConversationCounts {
  open: number
  pending: number
  active: number
  waiting: number
  snoozed: number
  unassigned: number
  mine: number
  unread: number
  mineUnread: number
  slaWarned: number
  slaBreached: number
  byChannel: Record<string, number>
  byPriority: Record<string, number>
  byDepartment: Record<string, number>
  byAgent: Record<string, number>
  byNumber: Record<string, number>
}

/** A message's file. */
export interface FileAddress {
  state: 'pending' | 'ready' | 'failed'
  bucket: string | null
  path: string | null
  /** Below the project's own address, or a whole https address; null until the file is ready. */
  url: string | null
  expiresAt: string | null
  name: string | null
  sizeBytes: number | null
  mimeType: string | null
  why: string | null
}

export interface Heartbeat {
  status: AgentStatus
  chats: number
  /** Null: the site watches nobody. */
  againInSeconds: number | null
}

/** A visitor's place among those who wait; `position` is null when they wait for nobody. */
export interface QueuePosition {
  conversationId: string
  status: ConversationStatus
  position: number | null
  waitingSince: string | null
  expectedWait?: string | null
  expectedSeconds?: number | null
  secondsPerChat?: number | null
  fromChats?: number | null
  reason?: string | null
}

export interface ReadCursor {
  conversationId: string
  unread: number
  /** Agents': the seq up to which they have read. */
  readSeq?: number
}

/** A reaction as a visitor sees it. */
export interface VisitorReaction {
  by: 'visitor' | 'agent'
  emoji: string
}

export interface SubmittedForm {
  visitorId: string
  message: StoredMessage | null
}

export interface TypingShown {
  shown: boolean
  why: string | null
}

/** Where a visitor may put a file. */
export interface UploadPlace {
  upload: string
  bucket: string
  path: string
  mimeType: string
}

/** The public part of a site's settings. */
export interface WidgetConfig {
  siteId: string
  online: boolean
  hours: Record<string, unknown>
  departments: { id: string; name: string; description: string | null }[]
  showTypingIndicator: boolean
  enableFileUploads: boolean
  maxFileSizeMb: number
  allowedFileTypes: string[]
  privacyRequired: boolean
  privacyVersion: number
  privacyText: string | null
  privacyUrl: string | null
  [setting: string]: unknown
}

export interface WorkerKey {
  keyId: string
  /** 32 bytes in base64; what `seal` takes. */
  publicKey: string
  algorithm: string
  version: number
}

// ─── Realtime ────────────────────────────────────────────────────────────────

/** What topics carry; the database's broadcasts are hints, and rows are fetched by `change`. */
export interface RealtimeMessage {
  type:
    | 'new_message'
    | 'typing_start'
    | 'typing_stop'
    | 'status_change'
    | 'agent_joined'
    | 'agent_left'
    | 'conversation_assigned'
    | 'conversation_resolved'
    /** Beyond LC-01: to a visitor who waits, {position, expected_seconds, from_chats}. */
    | 'queue_position'
    | 'sla_changed'
    | 'sla_warning'
    | 'sla_breached'
  conversationId: string
  data: Record<string, unknown>
}

/** What an agent's client tells of itself on the presence topic. */
export interface PresenceState {
  agentId: string
  status: AgentStatus
  currentChats: number
  lastSeen: string
}

// ─── WhatsApp ────────────────────────────────────────────────────────────────

/** A webhook of Meta's. */
export interface WhatsAppWebhookPayload {
  object: string
  entry: WhatsAppEntry[]
}

/** What happened at one WhatsApp Business Account. */
export interface WhatsAppEntry {
  id: string
  changes: WhatsAppChange[]
}

/** One change of one field. */
export interface WhatsAppChange {
  value: {
    messaging_product: string
    metadata: { display_phone_number: string; phone_number_id: string }
    contacts?: Array<{ profile: { name: string }; wa_id: string }>
    messages?: WhatsAppIncomingMessage[]
    statuses?: WhatsAppMessageStatus[]
  }
  field: string
}

/** A person's message. */
export interface WhatsAppIncomingMessage {
  from: string
  id: string
  timestamp: string
  type: 'text' | 'image' | 'document' | 'audio' | 'video' | 'location' | 'reaction' | 'interactive'
  text?: { body: string }
  image?: WhatsAppFile & { caption?: string }
  document?: WhatsAppFile & { filename: string; caption?: string }
  audio?: WhatsAppFile
  video?: WhatsAppFile & { caption?: string }
  location?: { latitude: number; longitude: number; name?: string; address?: string }
}

/** A file as Meta names it. */
export interface WhatsAppFile {
  id: string
  mime_type: string
  sha256: string
}

/** What became of a message of ours. */
export interface WhatsAppMessageStatus {
  id: string
  status: 'sent' | 'delivered' | 'read' | 'failed'
  timestamp: string
  recipient_id: string
  errors?: Array<{ code: number; title: string }>
}

/** A template as it is sent. */
export interface WhatsAppTemplateMessage {
  name: string
  language: { code: string }
  components?: WhatsAppTemplateComponent[]
}

/** One part of a template with its parameters. */
export interface WhatsAppTemplateComponent {
  type: 'header' | 'body' | 'button'
  parameters?: Array<{ type: 'text' | 'image'; text?: string; image?: { link: string } }>
}
