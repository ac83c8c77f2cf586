// A page that shows both sides of a chat by the hooks alone. A browser's test (tests/browser/hooks.test.mjs) uses it.

import { createElement, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { createClient } from '@supabase/supabase-js'
import { AgentInbox, VisitorChat, type AgentConversation, type Line, type Row } from '@pg-chat/client'
import { useAgentPresence, useChatRealtime, useTypingIndicator } from '@pg-chat/client/react'

declare const project: { url: string; anonKey: string; siteId: string; email: string; password: string }

const { url, anonKey, siteId, email, password } = project
const chat = VisitorChat.open({ url, anonKey, siteId })
const supabase = createClient(url, anonKey)
const { data } = await supabase.auth.signInWithPassword({ email, password })
const inbox = new AgentInbox({ supabase, url, anonKey, siteId, userId: data.user!.id })

type Said = Row & { content: string | null }

/** What both sides have: the lines, whether the other writes, and a field to write in. */
function Side({ name, lines, of }: { name: string; lines: readonly Line<Said>[]; of: VisitorChat | AgentConversation }) {
  const { isTyping, typed } = useTypingIndicator(of)
  const [text, write] = useState('')
  return createElement('section', { 'aria-label': name },
    createElement('ol', {}, lines.map(({ id, message, draft }) =>
      createElement('li', { key: id }, message ? message.content : `${draft.content} (${draft.state})`))),
    createElement('p', {}, isTyping ? 'The other side writes' : 'Nobody writes'),
    createElement('input', {
      'aria-label': `${name} writes`,
      value: text,
      onChange: ({ target }: { target: HTMLInputElement }) => {
        write(target.value)
        typed()
      },
      onKeyDown: ({ key }: { key: string }) => {
        if (key !== 'Enter') return
        of.send(text)
        write('')
      },
    }))
}

function Visitor() {
  return createElement(Side, { name: 'Visitor', lines: useChatRealtime(chat).lines, of: chat })
}

function Conversation({ conversation }: { conversation: AgentConversation }) {
  return createElement(Side, { name: 'Agent', lines: useChatRealtime(conversation).lines, of: conversation })
}

function Desk() {
  const { conversations } = useChatRealtime(inbox)
  const { me, present, setStatus } = useAgentPresence(inbox)
  const [open, choose] = useState<AgentConversation | null>(null)
  return createElement('main', {},
    createElement('h1', {}, `${me?.displayName} is ${me?.status}, ${present.length} there`),
    createElement('button', { onClick: () => void setStatus('away') }, 'Go away'),
    conversations.map(({ id, lastMessageText }) =>
      createElement('button', { key: id, onClick: () => choose(inbox.open(id)) }, lastMessageText)),
    open && createElement(Conversation, { key: open.id, conversation: open }))
}

createRoot(document.getElementById('root')!).render(
  createElement('div', {}, createElement(Visitor), createElement(Desk)),
)
