// Hooks over the client. They hold nothing themselves: the state is the chat's or inbox's, so two components see one.

import { useCallback, useSyncExternalStore } from 'react'
import type { AgentConversation, AgentConversationState } from './agent_conversation.js'
import type { AgentInbox, AgentInboxState } from './agent_inbox.js'
import type { AgentStatus, ChatAgent, PresenceState } from './shapes.js'
import type { Store } from './store.js'
import type { VisitorChat, VisitorChatState } from './visitor_chat.js'

function useStore<S>(store: Store<S>): S {
  return useSyncExternalStore(store.subscribe, store.get, store.get)
}

/** What a chat, an inbox or an open conversation shows, drawn again when it changes. */
export function useChatRealtime(chat: VisitorChat): VisitorChatState
export function useChatRealtime(inbox: AgentInbox): AgentInboxState
export function useChatRealtime(conversation: AgentConversation): AgentConversationState
export function useChatRealtime(chat: { state: Store<unknown> }): unknown {
  return useStore(chat.state)
}

/** Oneself, the colleagues whose pages are open, and a way to be online, away, busy or offline. */
export function useAgentPresence(inbox: AgentInbox): {
  me: ChatAgent | null
  present: readonly PresenceState[]
  setStatus: (status: AgentStatus) => Promise<void>
} {
  const { me, present } = useStore(inbox.state)
  const setStatus = useCallback((status: AgentStatus) => inbox.setStatus(status), [inbox])
  return { me, present, setStatus }
}

/** Whether the other side writes, and what to call at each key. */
export function useTypingIndicator(chat: VisitorChat | AgentConversation): { isTyping: boolean; typed: () => void } {
  const state = useStore<VisitorChatState | AgentConversationState>(chat.state as Store<VisitorChatState | AgentConversationState>)
  const typed = useCallback(() => chat.typed(), [chat])
  return { isTyping: 'agentTypes' in state ? state.agentTypes : state.visitorTypes, typed }
}
