// Elements of a page. What people wrote only ever becomes text or an attribute: nothing here reads HTML.

/** A new element with attributes and children. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  element.append(...children)
  return element
}

/** A button that does something. */
export function button(text: string, does: () => void): HTMLButtonElement {
  const element = make('button', { type: 'button' }, text)
  element.addEventListener('click', does)
  return element
}

/** The page's element with an id. */
export function byId<E extends HTMLElement = HTMLElement>(id: string): E {
  const element = document.getElementById(id)
  if (!element) throw new Error(`the page has no #${id}`)
  return element as E
}

/** Sets an element's text where it is another, so that a screen reader says it once. */
export function say(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text
}

/** Shows an element with this text, or hides it without. */
export function sayOrHide(element: HTMLElement, text: string | null): void {
  say(element, text ?? '')
  element.hidden = !text
}
