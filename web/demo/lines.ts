// The list of messages: one entry a line, drawn anew when its message or draft is another, in the client's order.

import type { ChatMessage, ChatMyMessages, Draft, Line } from '@pg-chat/client'
import { Attachment, type FileOfMessage } from './attachment.js'
import { button, make } from './elements.js'

type Message = ChatMessage | ChatMyMessages

/** Whose list it is. */
export interface Reader {
  /** Whether this side wrote it. */
  isMine(message: Message): boolean
  fileUrl(messageId: string): Promise<string | null>
  retry(id: string): void
  discard(id: string): void
}

/** An entry with what it shows. */
interface Entry {
  readonly shows: Message | Draft
  readonly element: HTMLLIElement
}

const TICKS: Record<Message['status'], string> = { sending: '◷', sent: '✓', delivered: '✓✓', read: '✓✓', failed: '!' }
/** Nearer to the end than this, the list follows what is new. */
const NEAR_PX = 120

/** Keeps a list element as the lines are. */
export class Lines {
  #entries = new Map<string, Entry>()
  #attachments = new Map<string, Attachment>()

  constructor(
    private readonly list: HTMLOListElement,
    private readonly reader: Reader,
  ) {
    // A picture that has arrived makes its line higher.
    list.addEventListener('load', () => this.#follow(), true)
    list.addEventListener('scroll', () => {
      this.#atEnd = this.#isNearEnd()
    })
  }

  #atEnd = true

  show(lines: readonly Line<Message>[]): void {
    const before = this.#entries
    this.#entries = new Map(lines.map((line) => [line.id, this.#entry(line, before.get(line.id))]))
    const elements = [...this.#entries.values()].map(({ element }) => element)
    const kept = new Set<Element>(elements)
    for (const element of [...this.list.children]) if (!kept.has(element)) element.remove()
    elements.forEach((element, n) => {
      const there = this.list.children[n]
      if (there !== element) this.list.insertBefore(element, there ?? null)
    })
    this.#follow()
  }

  /** Another conversation: from its end. */
  clear(): void {
    this.#entries.clear()
    this.#attachments.clear()
    this.#atEnd = true
    this.list.replaceChildren()
  }

  #entry({ message, draft }: Line<Message>, before: Entry | undefined): Entry {
    const shows = message ?? draft
    if (before?.shows === shows) return before
    return { shows, element: message ? this.#message(message) : this.#draft(draft!) }
  }

  #message(message: Message): HTMLLIElement {
    const isMine = this.reader.isMine(message)
    const isNote = 'isInternalNote' in message && message.isInternalNote === true
    const name = isNote ? `Note by ${message.senderName ?? 'a colleague'}` : (message.senderName ?? nameOf(message.senderType))
    const element = make('li', { class: `line ${isNote ? 'note' : message.senderType === 'system' ? 'system' : isMine ? 'mine' : 'theirs'}` })
    if (!isMine || isNote) element.append(make('b', {}, name))
    if (message.deletedAt) element.append(make('p', { class: 'dim' }, 'deleted'))
    if (message.fileState !== null || message.fileUrl !== null) element.append(this.#attachment(message).element)
    if (message.content) element.append(make('p', {}, message.content))
    const foot = make('small', {}, time(message.sentAt), message.editedAt ? ' · edited' : '')
    if (isMine && !isNote) foot.append(' ', tick(message.status))
    element.append(foot)
    return element
  }

  #attachment(message: Message & FileOfMessage): Attachment {
    let attachment = this.#attachments.get(message.id)
    if (!attachment) {
      attachment = new Attachment(() => this.reader.fileUrl(message.id))
      this.#attachments.set(message.id, attachment)
    }
    attachment.show(message)
    return attachment
  }

  #draft(draft: Draft): HTMLLIElement {
    const element = make('li', { class: `line mine draft ${draft.isInternalNote ? 'note' : ''} ${draft.state}` })
    if (draft.file) {
      element.append(make('p', {}, draft.file.name))
      if (draft.state === 'uploading') {
        element.append(make('progress', { max: '1', value: String(draft.progress), 'aria-label': `Upload of ${draft.file.name}` }))
      }
    }
    if (draft.content) element.append(make('p', {}, draft.content))
    if (draft.state !== 'failed') {
      element.append(make('small', {}, draft.error ? 'waits: not sent yet ' : '', tick('sending')))
      return element
    }
    const why = draft.error ? [draft.error.message, draft.error.hint].filter(Boolean).join(': ') : 'it could not be sent'
    element.append(make('small', { class: 'why' }, why))
    const fileIsGone = draft.file !== null && draft.file.stored === null
    if (!fileIsGone) element.append(button('Send again', () => this.reader.retry(draft.id)))
    element.append(button('Throw away', () => this.reader.discard(draft.id)))
    return element
  }

  #follow(): void {
    if (this.#atEnd) this.list.scrollTop = this.list.scrollHeight
  }

  #isNearEnd(): boolean {
    return this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < NEAR_PX
  }
}

function tick(status: Message['status']): HTMLElement {
  const says = status === 'sending' ? 'not sent yet' : status
  return make('span', { class: `tick ${status}`, role: 'img', 'aria-label': says, title: says }, TICKS[status])
}

function time(at: string): string {
  return new Date(at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })
}

function nameOf(sender: Message['senderType']): string {
  return { visitor: 'Visitor', agent: 'Agent', ai: 'Assistant', system: '' }[sender]
}
