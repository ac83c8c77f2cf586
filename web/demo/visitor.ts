// The visitor's page: a whole chat, to be tried.

import { ChatError, VisitorChat, type VisitorChatState, type WidgetConfig } from '@pg-chat/client'
import { ASKED_FIRST, drawForm, isAsked } from './before_chat.js'
import { Composer } from './composer.js'
import { byId, say, sayOrHide } from './elements.js'
import { Lines } from './lines.js'
import { demoSettings } from './settings.js'
import { liveness, trouble } from './trouble.js'

const settings = await demoSettings()
const chat = VisitorChat.open({
  ...settings,
  page: () => ({ url: location.href, title: document.title, referrer: document.referrer, language: navigator.language }),
})
const lines = new Lines(byId<HTMLOListElement>('lines'), {
  isMine: ({ senderType }) => senderType === 'visitor',
  fileUrl: (id) => chat.fileUrl(id),
  retry: (id) => chat.retry(id),
  discard: (id) => chat.discard(id),
})
const composer = new Composer(byId<HTMLFormElement>('composer'), {
  send: (text) => chat.send(text),
  sendFile: (file, text) => chat.sendFile(file, text),
  typed: () => chat.typed(),
})
const before = byId<HTMLFormElement>('before')
let config: WidgetConfig | null = null
/** The form was sent from this page, or the visitor has a conversation. */
let isFilledIn = false
/** What was refused last, until the next thing succeeds. */
let refused: string | null = null

function draw(): void {
  const state = chat.state.get()
  const { conversation, queue } = state
  say(byId('who'), conversation?.agentName ?? company())
  sayOrHide(byId('alert'), refused ?? trouble(state.error))
  say(byId('state'), [liveness(state.isLive), place(queue?.position ?? null, queue?.expectedSeconds ?? null), ended(state)].filter(Boolean).join(' · '))
  say(byId('typing'), state.agentTypes ? `${conversation?.agentName ?? 'Somebody'} is writing …` : '')
  byId('older').hidden = !state.hasOlder
  byId('end').hidden = !conversation || conversation.archivedAt !== null
  const avatar = byId<HTMLImageElement>('avatar')
  const face = conversation?.agentAvatar ?? null
  avatar.hidden = face === null
  if (face !== null && avatar.getAttribute('src') !== face) avatar.src = face
  sayOrHide(byId('welcome'), state.lines.length === 0 ? welcome() : null)
  lines.show(state.lines)
  const isRefused = state.lines.some(({ draft }) => ASKED_FIRST.includes(draft?.error?.code ?? ''))
  const isFirst = config !== null && isAsked(config) && !conversation && !isFilledIn
  before.hidden = !config || !(isRefused || isFirst)
  byId('composer').hidden = !before.hidden
  if (document.visibilityState === 'visible') void chat.read()
}

function place(position: number | null, seconds: number | null): string {
  if (position === null) return ''
  const minutes = seconds === null ? '' : `, about ${Math.max(1, Math.round(seconds / 60))} min`
  return `number ${position} in the queue${minutes}`
}

function ended({ conversation }: VisitorChatState): string {
  return conversation?.archivedAt ? 'this chat has ended; write to begin another' : ''
}

function company(): string {
  return String(config?.['companyName'] ?? 'Chat')
}

/** What the site says before anything was said. */
function welcome(): string | null {
  const says = config?.[config.online ? 'welcomeMessage' : 'offlineMessage']
  return typeof says === 'string' ? says : null
}

/** What was refused for want of the form goes again now. */
function filledIn(): void {
  isFilledIn = true
  for (const { draft } of chat.state.get().lines) {
    if (draft && ASKED_FIRST.includes(draft.error?.code ?? '')) chat.retry(draft.id)
  }
  draw()
  composer.focus()
}

/** Says it where something is refused. */
async function does(doing: Promise<void>): Promise<void> {
  try {
    await doing
    refused = null
  } catch (error) {
    refused = error instanceof ChatError ? trouble(error) : String(error)
  }
  draw()
}

async function configure(): Promise<void> {
  try {
    config = await chat.config()
  } catch {
    // The chat says what is wrong; the settings are asked for again.
    setTimeout(() => void configure(), 2_000)
    return
  }
  drawForm(before, config, chat, filledIn)
  composer.takesFiles = config.enableFileUploads
  composer.accept = config.allowedFileTypes.join(',')
  draw()
}

composer.turnTo('visitor')
chat.state.subscribe(draw)
document.addEventListener('visibilitychange', draw)
byId('older').addEventListener('click', () => void does(chat.older()))
byId('end').addEventListener('click', () => void does(chat.end()))
byId('forget').addEventListener('click', () => {
  void chat.signOut().finally(() => location.reload())
})
draw()
void configure()
