// What a platform of modules asks of one: LC-01's manifest. Names are LC-01's; `MODULE_API_ROUTES` lists what answers here,
// which is the project's own PostgREST, and the worker for Meta.

import type { ChatFunctions, ChatTables } from './shapes.js'

const PAGES = '/dashboard/sites/[siteId]/live-chat'

/** Which module this is. */
export const liveChatModuleMetadata = {
  id: 'live-chat',
  shortId: 'chatmod01',
  name: 'Live Chat',
  description: 'Customers write on the website or over WhatsApp, agents and an assistant answer from one inbox.',
  version: '0.2.0',
  category: 'communication',
  tags: ['chat', 'support', 'messaging', 'whatsapp', 'customer-service', 'live-chat'],
  minimumPlatformVersion: '1.0.0',
  capabilities: ['realtime', 'storage', 'ai', 'webhooks', 'notifications', 'embed'],
  dependencies: [],
  optionalDependencies: ['crm', 'booking', 'ecommerce'],
} as const

/** Tables that rows are kept in. */
export const MODULE_TABLES = [
  'mod_chat_departments',
  'mod_chat_agents',
  'mod_chat_widget_settings',
  'mod_chat_visitors',
  'mod_chat_conversations',
  'mod_chat_messages',
  'mod_chat_canned_responses',
  'mod_chat_knowledge_base',
  'mod_chat_analytics',
] as const satisfies readonly (keyof ChatTables)[]

/** Where a dashboard puts its pages. */
export const MODULE_NAVIGATION = {
  mainMenu: { label: 'Live Chat', icon: 'MessageCircle', href: PAGES, order: 7 },
  subMenu: [
    { label: 'Overview', href: PAGES, icon: 'LayoutDashboard' },
    { label: 'Conversations', href: `${PAGES}/conversations`, icon: 'MessagesSquare' },
    { label: 'WhatsApp', href: `${PAGES}/whatsapp`, icon: 'MessageCircle' },
    { label: 'Agents', href: `${PAGES}/agents`, icon: 'Users' },
    { label: 'Canned Responses', href: `${PAGES}/canned-responses`, icon: 'Zap' },
    { label: 'Knowledge Base', href: `${PAGES}/knowledge-base`, icon: 'BookOpen' },
    { label: 'Analytics', href: `${PAGES}/analytics`, icon: 'ChartBar' },
    { label: 'Settings', href: `${PAGES}/settings`, icon: 'Settings' },
  ],
} as const

/** What a role may do; the keys are those of chat_may and chat_permissions. */
export const MODULE_PERMISSIONS = [
  { key: 'live-chat.conversations.view', name: 'View Conversations', description: 'Read chats' },
  { key: 'live-chat.conversations.reply', name: 'Reply to Conversations', description: 'Answer, write notes, tag' },
  { key: 'live-chat.conversations.assign', name: 'Assign Conversations', description: 'Hand chats to agents and departments' },
  { key: 'live-chat.conversations.resolve', name: 'Resolve Conversations', description: 'End chats and open them again' },
  { key: 'live-chat.agents.manage', name: 'Manage Agents', description: 'Agents, departments and what roles may do' },
  { key: 'live-chat.canned.manage', name: 'Manage Canned Responses', description: 'Shared ready answers' },
  { key: 'live-chat.kb.manage', name: 'Manage Knowledge Base', description: 'Articles the assistant answers from' },
  { key: 'live-chat.analytics.view', name: 'View Analytics', description: 'Figures of the site and its agents' },
  { key: 'live-chat.settings.manage', name: 'Manage Settings', description: 'Widget, hours, routing, promises' },
  { key: 'live-chat.whatsapp.manage', name: 'Manage WhatsApp', description: 'Numbers, secrets and templates' },
] as const

/** Names of chat.events. */
export const MODULE_EVENTS = {
  conversations: {
    created: 'chat.conversation.created',
    assigned: 'chat.conversation.assigned',
    resolved: 'chat.conversation.resolved',
    closed: 'chat.conversation.closed',
    missed: 'chat.conversation.missed',
    rated: 'chat.conversation.rated',
  },
  messages: { received: 'chat.message.received', sent: 'chat.message.sent' },
  agents: { statusChanged: 'chat.agent.status_changed' },
  whatsapp: {
    messageReceived: 'chat.whatsapp.message_received',
    messageSent: 'chat.whatsapp.message_sent',
    templateSent: 'chat.whatsapp.template_sent',
  },
} as const

/** Names of what an automation may do. */
export const MODULE_ACTIONS = {
  conversations: {
    assign: 'chat.conversation.assign',
    resolve: 'chat.conversation.resolve',
    addTag: 'chat.conversation.add_tag',
    setPriority: 'chat.conversation.set_priority',
  },
  messages: { send: 'chat.message.send', sendTemplate: 'chat.whatsapp.send_template' },
} as const

/** What answers requests. */
export const MODULE_API_ROUTES = [
  { path: '/rest/v1/rpc/chat_widget_config', method: 'POST', description: 'What a widget looks like and asks' },
  { path: '/rest/v1/rpc/chat_open_session', method: 'POST', description: 'Open a visitor\'s session' },
  { path: '/rest/v1/rpc/chat_post_message', method: 'POST', description: 'A visitor writes' },
  { path: '/rest/v1/rpc/chat_send_text', method: 'POST', description: 'An agent answers' },
  { path: '/rest/v1/rpc/chat_inbox', method: 'POST', description: 'List conversations' },
] as const satisfies readonly { path: `/rest/v1/rpc/${keyof ChatFunctions}`; method: 'POST'; description: string }[]

const liveChatManifest = {
  ...liveChatModuleMetadata,
  tables: MODULE_TABLES,
  navigation: MODULE_NAVIGATION,
  permissions: MODULE_PERMISSIONS,
  events: MODULE_EVENTS,
  actions: MODULE_ACTIONS,
  apiRoutes: MODULE_API_ROUTES,
}

export default liveChatManifest
