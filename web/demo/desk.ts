// An agent's desk: the list of conversations, who is there, one's own status, and the conversation that is open.

import { AgentInbox, ChatError, type AgentConversation, type AgentStatus, type ConversationFilters, type ConversationListItem, type Supabase } from '@pg-chat/client'
import { Composer } from './composer.js'
import { button, byId, make, say, sayOrHide } from './elements.js'
import { Lines } from './lines.js'
import type { DemoSettings } from './settings.js'
import { liveness, trouble } from './trouble.js'

/** The desk of one agent, from signing in to signing out. */
export class Desk {
  readonly #inbox: AgentInbox
  readonly #lines: Lines
  readonly #composer: Composer
  /** Its listeners go with it. */
  readonly #gone = new AbortController()
  readonly #names = new Map<string, string>()
  #open: AgentConversation | null = null
  #unwatch: () => void = () => {}
  /** What was refused last, until the next thing succeeds. */
  #refused: string | null = null

  constructor(supabase: Supabase, private readonly settings: DemoSettings, readonly userId: string) {
    this.#inbox = new AgentInbox({ ...settings, supabase, userId, filters: { status: 'open' } })
    this.#lines = new Lines(byId<HTMLOListElement>('lines'), {
      isMine: ({ senderType }) => senderType !== 'visitor',
      fileUrl: (id) => this.#inbox.fileUrl(id),
      retry: (id) => this.#open?.retry(id),
      discard: (id) => this.#open?.discard(id),
    })
    const note = byId<HTMLInputElement>('note')
    this.#composer = new Composer(byId<HTMLFormElement>('composer'), {
      send: (text) => (note.checked ? this.#open?.note(text) : this.#open?.send(text)),
      sendFile: (file, text) => this.#open?.sendFile(file, text),
      typed: () => {
        if (!note.checked) this.#open?.typed()
      },
    })
    this.#inbox.state.subscribe(() => this.#draw())
    this.#on('status', 'change', () => this.#does(this.#inbox.setStatus(byId<HTMLSelectElement>('status').value as AgentStatus)))
    this.#on('filter', 'change', () =>
      this.#does(this.#inbox.filter({ status: byId<HTMLSelectElement>('filter').value as ConversationFilters['status'] & string })))
    this.#on('more', 'click', () => this.#does(this.#inbox.more()))
    this.#on('older', 'click', () => this.#does(this.#open?.older()))
    this.#on('claim', 'click', () => this.#changes((id) => this.#inbox.calls.call('chat_claim', { conversation: id })))
    this.#on('resolve', 'click', () =>
      this.#changes((id) => this.#inbox.calls.update('mod_chat_conversations', id, { status: 'resolved' })))
    document.addEventListener('visibilitychange', () => this.#read(), { signal: this.#gone.signal })
    this.#does(this.#learnNames())
    this.#draw()
  }

  leave(): void {
    this.#gone.abort()
    this.#close()
    this.#inbox.stop()
  }

  #on(id: string, event: string, does: () => void): void {
    byId(id).addEventListener(event, does, { signal: this.#gone.signal })
  }

  /** Says it where something is refused. */
  #does(doing: Promise<unknown> | undefined): void {
    doing?.then(
      () => this.#refused = null,
      (error: unknown) => this.#refused = error instanceof ChatError ? trouble(error) : String(error),
    ).finally(() => this.#draw())
  }

  /** Changes the open conversation, and looks. */
  #changes(change: (id: string) => Promise<unknown>): void {
    const id = this.#open?.id
    if (id) this.#does(change(id).then(() => this.#inbox.look()))
  }

  async #learnNames(): Promise<void> {
    const agents = await this.#inbox.calls.read('mod_chat_agents', (q) => q.eq('site_id', this.settings.siteId))
    for (const { id, displayName } of agents) this.#names.set(id, displayName)
  }

  #draw(): void {
    const { me, counts, present, conversations, hasMore, isLive, isLoading, error } = this.#inbox.state.get()
    say(byId('me'), me?.displayName ?? 'Agent')
    say(byId('state'), liveness(isLive))
    const status = byId<HTMLSelectElement>('status')
    if (me && document.activeElement !== status) status.value = me.status
    const others = present.filter(({ agentId }) => agentId !== me?.id)
    const named = others.map((other) => `${this.#names.get(other.agentId) ?? 'a colleague'} (${other.status})`)
    say(byId('present'), named.length > 0 ? `Here: ${named.join(', ')}` : '')
    say(byId('counts'), counts ? `${counts.unassigned} unassigned · ${counts.mine} mine · ${counts.unread} unread` : '')
    sayOrHide(byId('alert'), this.#refused ?? trouble(error ?? this.#open?.state.get().error ?? null))
    const entries: HTMLElement[] = conversations.map((row) => this.#entry(row))
    if (entries.length === 0) entries.push(make('li', { class: 'dim' }, isLoading ? 'Loading …' : 'Nothing here.'))
    const focused = document.activeElement?.closest('[data-id]')?.getAttribute('data-id')
    byId('inbox').replaceChildren(...entries)
    // A list that is drawn anew must not take the keyboard away.
    entries.find((entry) => focused && entry.dataset['id'] === focused)?.querySelector('button')?.focus()
    byId('more').hidden = !hasMore
    this.#drawConversation()
  }

  #entry(row: ConversationListItem): HTMLElement {
    const choose = button('', () => this.#choose(row.id))
    if (row.id === this.#open?.id) choose.setAttribute('aria-current', 'true')
    choose.append(make('b', {}, nameOf(row)), make('span', { class: 'dim' }, row.assignedAgentName ?? row.status))
    if (row.unreadCount > 0) choose.append(make('span', { class: 'badge', 'aria-label': `${row.unreadCount} unread` }, String(row.unreadCount)))
    choose.append(make('span', { class: 'last' }, row.lastMessageText || '…'))
    return make('li', { 'data-id': row.id }, choose)
  }

  #choose(id: string): void {
    if (id === this.#open?.id) return
    this.#close()
    this.#open = this.#inbox.open(id)
    this.#unwatch = this.#open.state.subscribe(() => this.#drawConversation())
    this.#composer.turnTo(id)
    byId<HTMLInputElement>('note').checked = false
    this.#draw()
    this.#composer.focus()
  }

  #close(): void {
    this.#unwatch()
    this.#open?.close()
    this.#open = null
    this.#lines.clear()
  }

  #drawConversation(): void {
    byId('conversation').hidden = !this.#open
    byId('nothing').hidden = this.#open !== null
    if (!this.#open) return
    const { conversation, lines, hasOlder, visitorTypes, colleagueTypes } = this.#open.state.get()
    const row = this.#inbox.state.get().conversations.find(({ id }) => id === this.#open?.id)
    if (row) say(byId('who'), nameOf(row))
    const agent = conversation?.assignedAgentId
    const about = [conversation?.sessionNumber, row?.visitorEmail, row?.visitorPhone, row?.channel, conversation?.status,
      agent ? `with ${this.#names.get(agent) ?? 'a colleague'}` : conversation && 'nobody has it']
    say(byId('about'), about.filter(Boolean).join(' · '))
    const isOpen = conversation !== null && conversation.archivedAt === null
    byId('claim').hidden = !isOpen || Boolean(agent)
    byId('resolve').hidden = !isOpen
    byId('older').hidden = !hasOlder
    say(byId('typing'), visitorTypes ? 'The visitor is writing …' : colleagueTypes ? 'A colleague is writing …' : '')
    this.#lines.show(lines)
    this.#read()
  }

  #read(): void {
    if (document.visibilityState === 'visible') void this.#open?.read()
  }
}

function nameOf(row: ConversationListItem): string {
  return row.visitorName || row.visitorEmail || row.visitorWhatsappPhone || row.sessionNumber || 'Visitor'
}
