// Where somebody writes: words, a file that was chosen or pasted, Enter to send.

import { keepText, keptText } from './kept_text.js'

/** What becomes of it. */
export interface Written {
  send(text: string): void
  sendFile(file: File, text: string): void
  /** At each key. */
  typed(): void
}

/** The form of a page with a field `text` and a field `file`. */
export class Composer {
  readonly #text: HTMLTextAreaElement
  readonly #file: HTMLInputElement
  #place = ''

  constructor(
    form: HTMLFormElement,
    private readonly written: Written,
  ) {
    this.#text = form.elements.namedItem('text') as HTMLTextAreaElement
    this.#file = form.elements.namedItem('file') as HTMLInputElement
    form.addEventListener('submit', (event) => {
      event.preventDefault()
      this.#send()
    })
    this.#text.addEventListener('input', () => {
      keepText(this.#place, this.#text.value)
      written.typed()
    })
    this.#text.addEventListener('keydown', (event) => {
      // Enter also ends a word that is being composed from several keys.
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
      event.preventDefault()
      this.#send()
    })
    this.#text.addEventListener('paste', (event) => {
      const files = event.clipboardData?.files
      if (files?.length) this.#file.files = files
    })
  }

  /** From now on it writes here: what was typed at this place before stands in it again. */
  turnTo(place: string): void {
    this.#place = place
    this.#text.value = keptText(place)
    this.#file.value = ''
  }

  /** What a file has to be, as the field takes it. */
  set accept(types: string) {
    this.#file.accept = types
  }

  set takesFiles(takes: boolean) {
    this.#file.closest('label')!.hidden = !takes
  }

  focus(): void {
    this.#text.focus()
  }

  #send(): void {
    const text = this.#text.value.trim()
    const file = this.#file.files?.[0]
    if (file) this.written.sendFile(file, text)
    else if (text) this.written.send(text)
    else return
    this.#text.value = ''
    this.#file.value = ''
    keepText(this.#place, '')
  }
}
