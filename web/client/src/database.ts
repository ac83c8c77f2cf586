// The rows and words of the database, with LC-01's names: columns in camelCase, as mapRecord gives them.
// Written by `cargo x types` from the catalog. What the catalog does not know stands in shapes.ts.

import type {
  BusinessHoursConfig,
  ConversationChanges,
  ConversationCounts,
  ConversationFilters,
  FileAddress,
  Heartbeat,
  OpenedSession,
  QueuePosition,
  ReadCursor,
  SubmittedForm,
  TypingShown,
  UploadPlace,
  VisitorReaction,
  WidgetConfig,
  WorkerKey,
} from './shapes.js'

export type AgentRole = 'agent' | 'supervisor' | 'admin'
export type AgentStatus = 'online' | 'away' | 'busy' | 'offline'
export type WidgetPosition = 'bottom-right' | 'bottom-left'
export type VisitorChannel = 'widget' | 'whatsapp' | 'api'
export type ConversationStatus = 'pending' | 'active' | 'waiting' | 'resolved' | 'closed' | 'missed'
export type ConversationPriority = 'low' | 'normal' | 'high' | 'urgent'
export type ConversationChannel = 'widget' | 'whatsapp' | 'api'
export type MessageSenderType = 'visitor' | 'agent' | 'system' | 'ai'
export type MessageContentType = 'text' | 'image' | 'file' | 'audio' | 'video' | 'location' | 'system' | 'note' | 'whatsapp_template'
export type MessageStatus = 'sending' | 'sent' | 'delivered' | 'read' | 'failed'
export type MessageKind = 'text' | 'image' | 'video' | 'audio' | 'voice' | 'document' | 'sticker' | 'location' | 'contacts' | 'button_reply' | 'list_reply' | 'flow_reply' | 'button' | 'order' | 'template' | 'interactive' | 'note' | 'event' | 'edit' | 'revoke' | 'system' | 'request_welcome' | 'unsupported' | 'unknown'
export type MessageOrigin = 'live' | 'echo' | 'history'
export type DeliveryState = 'scheduled' | 'queued' | 'sending' | 'unknown' | 'accepted' | 'sent' | 'delivered' | 'read' | 'played' | 'failed' | 'cancelled' | 'received'
export type FileState = 'pending' | 'ready' | 'failed'

/** Groups of agents a conversation can be routed to. */
export interface ChatDepartment {
  id: string
  siteId: string
  name: string
  description: string | null
  isDefault: boolean
  isActive: boolean
  /** False: its conversations wait to be claimed. */
  autoAssign: boolean
  /** Caps each agent's chats in this department, never their sum. */
  maxConcurrentChats: number
  sortOrder: number
  /** Its own hours, in either form; null: its site's. */
  businessHours: BusinessHoursConfig | null
  /** Its own time zone; null: its site's. */
  timezone: string | null
  createdAt: string
  updatedAt: string
}

/** People who answer. Deactivated, never deleted. */
export interface ChatAgent {
  id: string
  siteId: string
  userId: string
  displayName: string
  avatarUrl: string | null
  email: string | null
  role: AgentRole
  status: AgentStatus
  departmentId: string | null
  maxConcurrentChats: number
  /** Conversations assigned and active, or waiting and not snoozed. Kept under the site's routing row. */
  currentChatCount: number
  /** Conversations this agent has answered in. */
  totalChatsHandled: number
  avgResponseTimeSeconds: number
  avgRating: number
  totalRatings: number
  isActive: boolean
  lastActiveAt: string | null
  /** When routing or a person last gave this agent a chat. */
  lastAssignedAt: string | null
  /** Answers that somebody waited for; avg_response_time_seconds = total_response_seconds / total_responses. */
  totalResponses: number
  totalResponseSeconds: number
  /** avg_rating = total_rating_stars / total_ratings. */
  totalRatingStars: number
  /** Chats that were taken back because this agent let somebody wait for too long. */
  totalUnanswered: number
  /** What the agent can do, lower case; by chat_save_skills. */
  skills: string[]
  createdAt: string
  updatedAt: string
}

/** Settings of a site: widget, forms, hours, default WhatsApp number. */
export interface ChatWidgetSettings {
  id: string
  siteId: string
  primaryColor: string
  textColor: string
  position: WidgetPosition
  launcherIcon: string
  launcherSize: number
  borderRadius: number
  zIndex: number
  companyName: string | null
  welcomeMessage: string
  awayMessage: string
  offlineMessage: string
  logoUrl: string | null
  preChatEnabled: boolean
  preChatNameRequired: boolean
  preChatEmailRequired: boolean
  preChatPhoneEnabled: boolean
  preChatPhoneRequired: boolean
  preChatMessageRequired: boolean
  preChatDepartmentSelector: boolean
  businessHoursEnabled: boolean
  businessHours: BusinessHoursConfig
  timezone: string
  autoOpenDelaySeconds: number
  showAgentAvatar: boolean
  showAgentName: boolean
  showTypingIndicator: boolean
  enableFileUploads: boolean
  enableEmoji: boolean
  enableSoundNotifications: boolean
  enableSatisfactionRating: boolean
  language: string
  customTranslations: Record<string, string>
  whatsappEnabled: boolean
  whatsappPhoneNumber: string | null
  whatsappPhoneNumberId: string | null
  whatsappBusinessAccountId: string | null
  whatsappWelcomeTemplate: string | null
  allowedDomains: string[]
  blockedIps: string[]
  maxFileSizeMb: number
  allowedFileTypes: string[]
  /** A message within so many hours after a chat was resolved or missed reopens it; 0 = always a new one. */
  reopenHours: number
  /** A chat that was answered and hears nothing for so many hours is resolved; 0 = never. */
  autoResolveHours: number
  /** A chat that nobody took within so many minutes is missed; 0 = never. */
  missedAfterMinutes: number
  /** For so many minutes visitors may edit and take back their own messages; 0 = never. */
  editMinutes: number
  /** For so many days it is kept what each choice of an agent was made from; that it was made stays. */
  choiceDays: number
  /** A visitor who does not come back for so many days is somebody new. */
  sessionDays: number
  /** Sessions opened or renewed at this site in a minute; beyond it visitors are told to wait. */
  sessionsPerMinute: number
  /** The same from one address. */
  addressSessionsPerMinute: number
  /** Messages of one visitor's session in a minute. */
  messagesPerMinute: number
  /** Messages from one address in a minute. */
  addressMessagesPerMinute: number
  /** What visitors are told about their data before they write. */
  privacyText: string | null
  privacyUrl: string | null
  /** Whether they have to agree to it first. */
  privacyRequired: boolean
  /** Goes up by itself when privacy_text or privacy_url changes; consent is given to one version. */
  privacyVersion: number
  createdAt: string
  updatedAt: string
}

/** People who write to a site. */
export interface ChatVisitor {
  id: string
  siteId: string
  externalId: string | null
  name: string | null
  email: string | null
  phone: string | null
  avatarUrl: string | null
  browser: string | null
  os: string | null
  device: string | null
  ipAddress: string | null
  country: string | null
  city: string | null
  currentPageUrl: string | null
  currentPageTitle: string | null
  referrerUrl: string | null
  landingPageUrl: string | null
  totalVisits: number
  totalConversations: number
  /** Messages this person wrote, history imports left out. */
  totalMessages: number
  firstSeenAt: string
  lastSeenAt: string
  crmContactId: string | null
  tags: string[]
  notes: string | null
  customData: Record<string, unknown>
  channel: VisitorChannel
  /** Their WhatsApp number for people to read; null for a person known by BSUID only. Not a key. */
  whatsappPhone: string | null
  createdAt: string
  updatedAt: string
  /** What the widget or the browser asks for, such as de-AT; null: nobody said, as on WhatsApp. */
  language: string | null
  /** The visitor this one turned out to be, by chat_merge_visitors; null when it stands for itself. Rows keep their visitor_id. */
  mergedInto: string | null
}

/** Chat threads. Open = pending, active or waiting. */
export interface ChatConversation {
  id: string
  siteId: string
  visitorId: string
  assignedAgentId: string | null
  departmentId: string | null
  /** pending: nobody assigned; active: assigned; waiting: assigned, waits for the visitor or is snoozed; resolved, closed, missed: not open. */
  status: ConversationStatus
  priority: ConversationPriority
  channel: ConversationChannel
  subject: string | null
  lastMessageText: string | null
  lastMessageAt: string | null
  lastMessageBy: MessageSenderType | null
  messageCount: number
  unreadAgentCount: number
  unreadVisitorCount: number
  firstResponseTimeSeconds: number | null
  resolutionTimeSeconds: number | null
  waitTimeSeconds: number | null
  rating: number | null
  ratingComment: string | null
  ratedAt: string | null
  tags: string[]
  internalNotes: string | null
  metadata: Record<string, unknown>
  whatsappConversationId: string | null
  whatsappWindowExpiresAt: string | null
  createdAt: string
  updatedAt: string
  resolvedAt: string | null
  closedAt: string | null
  /** CHAT-00000001 and on, per site, for people to quote. Given at commit; gaps are allowed. */
  sessionNumber: string | null
  identityId: string | null
  /** Meta's id of the number written to; replies leave from it. */
  phoneNumberId: string | null
  /** seq of the newest message. */
  lastSeq: number
  /** public_seq of the newest message a visitor may see. */
  lastPublicSeq: number
  /** Newest change of this conversation or of one of its messages. Clients fetch what is greater than theirs. */
  lastChange: number
  /** Newest change that the visitor may see. */
  lastPublicChange: number
  /** What last_public_change was before the latest change of one message; for that update to return. */
  publicChangeBefore: number
  /** Newest change of the conversation's own fields. */
  rowChange: number
  /** The visitor-visible change before row_change. */
  rowChangeBefore: number
  /** Messages of the visitor; agents' cursors remember it. */
  inboundCount: number
  /** Messages to the visitor; the visitor's cursor remembers it. */
  outboundPublicCount: number
  /** Who had it before it became pending again; preferred when it comes back. */
  lastAgentId: string | null
  /** Who gave it back to the queue; routing asks somebody else first. Counts while it is last_agent_id. */
  returnedBy: string | null
  /** What whoever takes it should know, where the strategy is skills. */
  skills: string[] | null
  /** What the site's rules did with it when it came: {version, place, name, then, passed_over, came_with}; null: no rule held. */
  appliedRule: Record<string, unknown> | null
  /** The kept decision (chat.choices), by routing or by a person; null when somebody wrote the row itself. */
  choiceId: number | null
  /** Since when it waits for an agent; null when it does not. */
  pendingSince: string | null
  agentJoinedAt: string | null
  snoozedUntil: string | null
  /** Who ended it: visitor, agent, system (by time); null while open. */
  endedBy: MessageSenderType | null
  /** When the visitor gave up before any agent had joined. */
  abandonedAt: string | null
  /** When it left pending, active, waiting; null while open. */
  archivedAt: string | null
  pageUrl: string | null
  pageTitle: string | null
  userAgent: string | null
  ipAddress: string | null
  /** Whether the assistant answers here, as a rule of the site said; null: as the site does. */
  assistant: boolean | null
  /** Until when Meta charges nothing, because the person came by an ad or a page's button; null: it does. */
  whatsappFreeEntryUntil: string | null
  /** What was said before the number came to us, imported (whatsapp/history.sql): it began over and was never routed. */
  isHistory: boolean
  visitor?: ChatVisitor
  assignedAgent?: ChatAgent
  department?: ChatDepartment
}

/** Messages of conversations, notes included. */
export interface ChatMessage {
  id: string
  conversationId: string
  siteId: string
  senderType: MessageSenderType
  senderId: string | null
  senderName: string | null
  senderAvatar: string | null
  content: string | null
  contentType: MessageContentType
  fileUrl: string | null
  fileName: string | null
  fileSize: number | null
  fileMimeType: string | null
  status: MessageStatus
  isInternalNote: boolean
  whatsappMessageId: string | null
  /** Meta's last applied word for it. */
  whatsappStatus: string | null
  isAiGenerated: boolean
  aiConfidence: number | null
  createdAt: string
  updatedAt: string
  /** What it is, finer than content_type. */
  kind: MessageKind
  /** live; echo: sent from the business's own phone; history: imported. */
  origin: MessageOrigin
  /** Gapless number within the conversation, notes included. */
  seq: number
  /** Gapless number of what the visitor may see; null on notes. */
  publicSeq: number | null
  /** The conversation's change number this message last changed at. */
  change: number
  /** The visitor-visible change before `change`; null on notes. */
  changeBefore: number | null
  /** When it was written: Meta's time for WhatsApp. Display order is (sent_at, seq). */
  sentAt: string
  /** How far delivery got; LC-01's status follows from it. */
  deliveryState: DeliveryState
  readAt: string | null
  replyToId: string | null
  /** {"visitor:<id>", "agent:<id>" or "agent:phone_app": {"emoji", "at"}}; emoji null after removal. */
  reactions: Record<string, unknown>
  /** What the columns do not hold: media, interactive, location, statuses (first time of each), error {code,title,details,advice}, pricing, raw. */
  metadata: Record<string, unknown>
  /** Of the attachment: pending, ready, failed; null when there is none. */
  fileState: FileState | null
  /** Agents a note names; null where it names nobody. */
  mentions: string[] | null
  /** When its words were last replaced; earlier ones are in chat.message_versions. */
  editedAt: string | null
  /** When it was taken back: the row stays, its words and file do not. */
  deletedAt: string | null
}

/** Ready answers; shared with the site, or its writer's own. */
export interface CannedResponse {
  id: string
  siteId: string
  title: string
  content: string
  shortcut: string | null
  category: string | null
  tags: string[]
  usageCount: number
  lastUsedAt: string | null
  createdBy: string | null
  isShared: boolean
  isActive: boolean
  createdAt: string
  updatedAt: string
}

/** Articles the assistant answers from. */
export interface KnowledgeBaseArticle {
  id: string
  siteId: string
  title: string
  content: string
  category: string | null
  tags: string[]
  isActive: boolean
  usageCount: number
  lastMatchedAt: string | null
  createdBy: string | null
  createdAt: string
  updatedAt: string
}

/** Daily figures of a site (agent_id null) and of each agent. */
export interface ChatAnalytics {
  id: string
  siteId: string
  date: string
  totalConversations: number
  totalMessages: number
  newVisitors: number
  returningVisitors: number
  widgetConversations: number
  whatsappConversations: number
  resolvedConversations: number
  missedConversations: number
  avgFirstResponseSeconds: number
  avgResolutionSeconds: number
  avgWaitSeconds: number
  avgMessagesPerConversation: number
  avgRating: number
  totalRatings: number
  satisfactionScore: number
  aiAutoResponses: number
  aiResolved: number
  agentId: string | null
  createdAt: string
  updatedAt: string
}

/** Conversations as rows of an inbox. Its order is is_open desc, sort_at desc, id desc: open ones by their last message, then the archive by when each ended. sla_due_at: when the first of what was promised is due, and sla_target what that is; null: no clock runs. */
export interface ConversationListItem {
  id: string
  visitorName: string | null
  visitorEmail: string | null
  visitorAvatar: string | null
  channel: ConversationChannel
  status: ConversationStatus
  priority: ConversationPriority
  lastMessageText: string | null
  lastMessageAt: string | null
  lastMessageBy: MessageSenderType | null
  unreadCount: number
  assignedAgentName: string | null
  departmentName: string | null
  tags: string[]
  createdAt: string
  siteId: string
  sessionNumber: string | null
  visitorId: string
  visitorPhone: string | null
  visitorWhatsappPhone: string | null
  assignedAgentId: string | null
  departmentId: string | null
  phoneNumberId: string | null
  subject: string | null
  rating: number | null
  pendingSince: string | null
  snoozedUntil: string | null
  whatsappWindowExpiresAt: string | null
  archivedAt: string | null
  lastChange: number
  isOpen: boolean
  sortAt: string
  slaDueAt: string | null
  slaTarget: string | null
}

/** The caller's own conversations, for visitors: by a session's token or a Supabase login. PT401 as chat.my_session. */
export interface ChatMyConversations {
  id: string
  siteId: string
  visitorId: string
  sessionNumber: string | null
  status: ConversationStatus
  channel: ConversationChannel
  subject: string | null
  lastMessageText: string | null
  lastMessageAt: string | null
  lastMessageBy: MessageSenderType | null
  lastPublicSeq: number
  lastPublicChange: number
  unreadVisitorCount: number
  hasAgent: boolean
  agentName: string | null
  agentAvatar: string | null
  departmentName: string | null
  agentJoinedAt: string | null
  rating: number | null
  ratingComment: string | null
  ratedAt: string | null
  createdAt: string
  archivedAt: string | null
}

/** Messages of the caller's own conversations, for visitors; never notes. Read on with `change` greater than the last seen. */
export interface ChatMyMessages {
  id: string
  conversationId: string
  siteId: string
  publicSeq: number
  change: number
  changeBefore: number
  senderType: MessageSenderType
  senderName: string | null
  senderAvatar: string | null
  content: string | null
  contentType: MessageContentType
  kind: MessageKind
  fileUrl: string | null
  fileName: string | null
  fileSize: number | null
  fileMimeType: string | null
  fileState: FileState | null
  status: MessageStatus
  sentAt: string
  readAt: string | null
  editedAt: string | null
  deletedAt: string | null
  replyToId: string | null
  reactions: VisitorReaction[]
  createdAt: string
  updatedAt: string
}

/** Named filters for chat_inbox: those shared with the caller's sites and the caller's own. */
export interface ChatSavedViews {
  id: string
  siteId: string
  name: string
  filters: ConversationFilters
  isShared: boolean
  isMine: boolean
  sortOrder: number
  createdAt: string
  updatedAt: string
}

/** What a table or view holds, row by row. */
export interface ChatTables {
  mod_chat_departments: ChatDepartment
  mod_chat_agents: ChatAgent
  mod_chat_widget_settings: ChatWidgetSettings
  mod_chat_visitors: ChatVisitor
  mod_chat_conversations: ChatConversation
  mod_chat_messages: ChatMessage
  mod_chat_canned_responses: CannedResponse
  mod_chat_knowledge_base: KnowledgeBaseArticle
  mod_chat_analytics: ChatAnalytics
  chat_conversation_list: ConversationListItem
  chat_my_conversations: ChatMyConversations
  chat_my_messages: ChatMyMessages
  chat_saved_views: ChatSavedViews
}

/** What `rpc` takes and answers; rows are as mapRecords gives them. docs/sql-api.md says what each does. */
export interface ChatFunctions {
  chat_agent_load: { args: { site: string; since: string; until: string }; returns: unknown }
  chat_assign: { args: { conversation: string; agent: string; override?: boolean }; returns: ChatConversation[] }
  chat_block_address: { args: { site: string; address: string; reason?: string | null; until?: string | null }; returns: unknown }
  chat_block_visitor: { args: { visitor: string; reason?: string | null; until?: string | null }; returns: unknown }
  chat_blocks: { args: { site: string }; returns: unknown }
  chat_bulk: { args: { conversations: string[]; change: unknown }; returns: unknown }
  chat_cancel_scheduled: { args: { id: string }; returns: unknown }
  chat_changes: { args: { conversation: string; since: number; page_size?: number }; returns: ConversationChanges }
  chat_claim: { args: { conversation: string; override?: boolean }; returns: ChatConversation[] }
  chat_consent: { args: { version: number }; returns: unknown }
  chat_contact: { args: { visitor: string }; returns: unknown }
  chat_counts: { args: { site: string }; returns: ConversationCounts }
  chat_crm: { args: { site: string }; returns: unknown }
  chat_delete_message: { args: { message: string }; returns: unknown }
  chat_delete_sla: { args: { site: string; policy: string }; returns: unknown }
  chat_delete_view: { args: { view: string }; returns: unknown }
  chat_disconnect_whatsapp_number: { args: { number: string }; returns: unknown }
  chat_edit_message: { args: { message: string; content: string }; returns: unknown }
  chat_end: { args: { conversation: string; rating?: number | null; comment?: string | null }; returns: ChatMyConversations }
  chat_end_session: { args: Record<string, never>; returns: null }
  chat_erase_visitor: { args: { visitor: string }; returns: unknown }
  chat_erasures: { args: { site: string }; returns: unknown }
  chat_explain_assignment: { args: { conversation: string }; returns: unknown }
  chat_export_visitor: { args: { visitor: string }; returns: unknown }
  chat_file_url: { args: { message: string }; returns: FileAddress }
  chat_find_canned: { args: { site: string; query?: string; page_size?: number }; returns: CannedResponse[] }
  chat_heartbeat: { args: { site: string }; returns: Heartbeat }
  chat_hours: { args: { site: string; department?: string | null; at?: string }; returns: unknown }
  chat_identify: { args: { user_id: string; user_hash: string; profile?: unknown }; returns: OpenedSession }
  chat_import_waba: { args: { site: string }; returns: unknown }
  chat_inbox: { args: { filters?: ConversationFilters; after?: unknown | null; page_size?: number }; returns: ConversationListItem[] }
  chat_inbox_count: { args: { filters?: ConversationFilters; most?: number }; returns: unknown }
  chat_live_visitors: { args: { site: string; within_seconds?: number; page_size?: number; before?: string | null }; returns: unknown }
  chat_may: { args: { site: string; permission: string }; returns: boolean }
  chat_mentions: { args: { site: string; unseen_only?: boolean; before?: string | null; page_size?: number }; returns: ChatMessage[] }
  chat_merge_visitors: { args: { visitor: string; into_visitor: string }; returns: ChatVisitor[] }
  chat_message_history: { args: { message: string }; returns: unknown }
  chat_messages: { args: { conversation: string; before?: number | null; after?: number | null; page_size?: number }; returns: ChatMessage[] }
  chat_open_session: { args: { site: string; key?: string | null; page?: unknown }; returns: OpenedSession }
  chat_permissions: { args: { site: string }; returns: unknown }
  chat_person: { args: { visitor: string }; returns: unknown }
  chat_post_message: { args: { content: string; id?: string; conversation?: string | null; reply_to?: string | null; upload?: string | null }; returns: ChatMyMessages }
  chat_preview_template: { args: { site: string; name: string; language?: string | null; parameters?: unknown | null; number?: string | null }; returns: unknown }
  chat_queue: { args: { site: string; page_size?: number }; returns: unknown }
  chat_queue_position: { args: { conversation: string }; returns: QueuePosition }
  chat_rate: { args: { conversation: string; rating: number; comment?: string | null }; returns: ChatMyConversations }
  chat_react: { args: { message: string; emoji: string }; returns: unknown }
  chat_read: { args: { conversation: string; up_to?: number | null; only_delivered?: boolean }; returns: ReadCursor }
  chat_request_upload: { args: { name: string; size_bytes: number; mime_type: string }; returns: UploadPlace }
  chat_resend_message: { args: { message: string }; returns: ChatMessage[] }
  chat_retry_crm: { args: { site: string }; returns: unknown }
  chat_retry_job: { args: { job_id: number }; returns: unknown }
  chat_rotate_identity_key: { args: { site: string }; returns: unknown }
  chat_routing: { args: { site: string }; returns: unknown }
  chat_routing_rules: { args: { site: string }; returns: unknown }
  chat_save_agent: { args: { site: string; user_id: string; display_name: string; role?: string; department_id?: string | null; max_concurrent_chats?: number; is_active?: boolean; email?: string | null; avatar_url?: string | null }; returns: ChatAgent[] }
  chat_save_crm: { args: { site: string; is_on: boolean }; returns: unknown }
  chat_save_department: { args: { site: string; name: string; id?: string | null; description?: string | null; is_default?: boolean; is_active?: boolean; auto_assign?: boolean; max_concurrent_chats?: number; sort_order?: number }; returns: ChatDepartment[] }
  chat_save_permission: { args: { site: string; role: string; permission: string; allowed: boolean }; returns: unknown }
  chat_save_presence: { args: { site: string; silent_seconds?: number; offline_chats?: string }; returns: unknown }
  chat_save_role_limit: { args: { site: string; role: string; sees: string; phone_number_id?: string | null }; returns: unknown }
  chat_save_routing: { args: { site: string; department?: string | null; strategy?: string; hourly_limit?: number | null; skills_wait_seconds?: number; fallback_seconds?: number | null; fallback_department?: string | null; unanswered_seconds?: number | null; unanswered_limit?: number }; returns: unknown }
  chat_save_routing_rules: { args: { site: string; rules: unknown; version?: number | null }; returns: unknown }
  chat_save_skills: { args: { site: string; agent: string; skills: string[] }; returns: ChatAgent[] }
  chat_save_sla: { args: { site: string; department?: string | null; priority?: string | null; tag?: string | null; first_response_seconds?: number | null; next_response_seconds?: number | null; resolution_seconds?: number | null; in_business_hours?: boolean; warn_percent?: number }; returns: unknown }
  chat_save_view: { args: { site: string; name: string; filters: ConversationFilters; is_shared?: boolean; view?: string | null; sort_order?: number }; returns: ChatSavedViews[] }
  chat_save_whatsapp_number: { args: { site: string; phone_number_id: string; waba_id: string; access_token?: string | null; app_secret?: string | null; meta_app_id?: string | null; graph_version?: string | null; is_default?: boolean | null; unknown_policy?: string | null; renew_verify_token?: boolean }; returns: unknown }
  chat_schedule_message: { args: { conversation: string; content: string; at: string; unless_answered?: boolean; id?: string }; returns: unknown }
  chat_scheduled: { args: { conversation: string }; returns: unknown[] }
  chat_search: { args: { site: string; query: string; after?: unknown | null; page_size?: number; conversation?: string | null }; returns: unknown }
  chat_send_contacts: { args: { conversation: string; contacts: unknown; id?: string | null; reply_to?: string | null }; returns: ChatMessage[] }
  chat_send_interactive: { args: { conversation: string; interactive: unknown; id?: string | null; reply_to?: string | null }; returns: ChatMessage[] }
  chat_send_location: { args: { conversation: string; latitude: number; longitude: number; name?: string | null; address?: string | null; id?: string | null; reply_to?: string | null }; returns: ChatMessage[] }
  chat_send_media: { args: { conversation: string; kind: string; file_url: string; content?: string | null; file_name?: string | null; file_mime_type?: string | null; file_size?: number | null; id?: string | null; reply_to?: string | null }; returns: ChatMessage[] }
  chat_send_template: { args: { conversation: string; name: string; language?: string | null; parameters?: unknown | null; reply_to?: string | null; id?: string }; returns: ChatMessage[] }
  chat_send_text: { args: { conversation: string; content: string; id?: string | null; reply_to?: string | null; preview_url?: boolean }; returns: ChatMessage[] }
  chat_send_whatsapp_test: { args: { number: string; "to": string; template?: string; language?: string }; returns: unknown }
  chat_set_custom_data: { args: { visitor: string; changes: unknown }; returns: ChatVisitor[] }
  chat_set_module: { args: { site: string; enabled: boolean }; returns: unknown }
  chat_set_page: { args: { page: unknown }; returns: null }
  chat_set_read_policy: { args: { number: string; read_policy: string }; returns: unknown }
  chat_set_status: { args: { site: string; status: string }; returns: ChatAgent[] }
  chat_simulate_routing: { args: { site: string; since: string; until: string; changes?: unknown }; returns: unknown }
  chat_sla: { args: { site: string }; returns: unknown }
  chat_sla_of: { args: { conversation: string }; returns: unknown }
  chat_snooze: { args: { conversation: string; until: string }; returns: ChatConversation[] }
  chat_start_conversation: { args: { site: string; external_id: string; content?: string | null; subject?: string | null; id?: string }; returns: ChatConversation[] }
  chat_start_whatsapp: { args: { site: string; "to": string; template?: string | null; language?: string | null; parameters?: unknown | null; number?: string | null; name?: string | null; id?: string }; returns: ChatConversation[] }
  chat_submit_form: { args: { form: string; given: unknown; message_id?: string }; returns: SubmittedForm }
  chat_sync_whatsapp_templates: { args: { site: string; number?: string | null }; returns: unknown }
  chat_tag_visitor: { args: { visitor: string; add?: string[]; remove?: string[] }; returns: ChatVisitor[] }
  chat_templates: { args: { site: string; filters?: ConversationFilters }; returns: unknown[] }
  chat_test_whatsapp_number: { args: { number: string }; returns: unknown }
  chat_transfer: { args: { conversation: string; agent?: string | null; department?: string | null; note?: string | null; override?: boolean }; returns: ChatConversation[] }
  chat_try_routing_rules: { args: { site: string; rules?: unknown | null; days?: number }; returns: unknown }
  chat_typing: { args: { conversation: string }; returns: TypingShown }
  chat_unassign: { args: { conversation: string }; returns: ChatConversation[] }
  chat_unblock: { args: { block: string }; returns: unknown }
  chat_unmerge_visitor: { args: { visitor: string }; returns: ChatVisitor[] }
  chat_use_canned: { args: { response: string; conversation: string }; returns: unknown }
  chat_visits: { args: { visitor: string; page_size?: number; before?: number | null }; returns: unknown }
  chat_waba_conversations: { args: { phone_number_id?: string | null; user_id?: string | null; "limit"?: number; "offset"?: number }; returns: unknown }
  chat_waba_messages: { args: { conversation_id: number; "limit"?: number; "offset"?: number; user_id?: string | null }; returns: unknown }
  chat_waba_send_message: { args: { conversation_id: number; phone_number_id: string; "to": string; message?: string | null; message_type?: string; media_url?: string | null; id?: string }; returns: unknown }
  chat_whatsapp_costs: { args: { site: string; since: string; until?: string | null }; returns: unknown }
  chat_whatsapp_health: { args: { number: string }; returns: unknown }
  chat_whatsapp_numbers: { args: { site: string }; returns: unknown }
  chat_whatsapp_told: { args: { site: string; field?: string | null; before?: number | null; page_size?: number }; returns: unknown[] }
  chat_widget_config: { args: { site: string }; returns: WidgetConfig }
  chat_window: { args: { conversation: string }; returns: unknown }
  chat_worker_key: { args: Record<string, never>; returns: WorkerKey }
}
