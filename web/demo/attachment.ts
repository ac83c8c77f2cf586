// The file of a message: a picture as a preview, anything else by its name; both are opened by an address that lasts an
// hour and is asked for when it is needed.

import type { ChatMyMessages } from '@pg-chat/client'
import { button, make } from './elements.js'

/** What a message says of its file. */
export type FileOfMessage = Pick<ChatMyMessages, 'fileName' | 'fileSize' | 'fileMimeType' | 'fileState'>

/** Kept over the states of its message, so that a tick does not load a picture again. */
export class Attachment {
  readonly element = make('div', { class: 'file' })
  #shown = ''

  constructor(private readonly address: () => Promise<string | null>) {}

  show(file: FileOfMessage): void {
    const now = JSON.stringify([file.fileState, file.fileMimeType, file.fileName])
    if (now === this.#shown) return
    this.#shown = now
    const name = file.fileName ?? 'file'
    const words = [name, size(file.fileSize)].filter(Boolean).join(', ')
    if (file.fileState === 'pending') return this.element.replaceChildren(`${words} is on its way`)
    if (file.fileState === 'failed') return this.element.replaceChildren(`${words} could not be had`)
    this.element.replaceChildren(button(words, () => void this.#save(name)))
    if (isPicture(file.fileMimeType)) void this.#preview(name)
  }

  async #preview(name: string): Promise<void> {
    const picture = make('img', { alt: name })
    // An address may be over when the picture is loaded late: a new one, once.
    picture.addEventListener('error', () => void this.#load(picture), { once: true })
    this.element.prepend(picture)
    await this.#load(picture)
  }

  async #load(picture: HTMLImageElement): Promise<void> {
    const address = await this.#web()
    if (address) picture.src = address.href
  }

  /** Saved, never opened as a page of this origin: a stranger wrote it. */
  async #save(name: string): Promise<void> {
    const address = await this.#web()
    if (!address) return
    address.searchParams.set('download', name)
    make('a', { href: address.href, download: name, rel: 'noopener' }).click()
  }

  /** Its address on the web; none while it cannot be had, or for an address of another kind. */
  async #web(): Promise<URL | null> {
    const address = await this.address().catch(() => null)
    const url = address === null ? null : new URL(address, location.origin)
    return url && /^https?:$/.test(url.protocol) ? url : null
  }
}

/** Drawn as a picture a file runs no script; SVG is left to whoever saves it. */
function isPicture(mimeType: string | null): boolean {
  return /^image\/(png|jpeg|gif|webp|avif)$/.test(mimeType ?? '')
}

function size(bytes: number | null): string {
  if (!bytes) return ''
  return bytes < 1024 ? `${bytes} bytes` : bytes < 1_048_576 ? `${Math.round(bytes / 1024)} KB` : `${(bytes / 1_048_576).toFixed(1)} MB`
}
