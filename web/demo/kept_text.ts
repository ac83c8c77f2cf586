// What is being typed, kept over a reload of this tab. What was sent is the client's outbox.

const PREFIX = 'pg-chat-demo:typed:'

/** The text that was typed there; empty where nothing was, or storage is blocked. */
export function keptText(place: string): string {
  try {
    return sessionStorage.getItem(PREFIX + place) ?? ''
  } catch {
    return ''
  }
}

/** Keeps it. */
export function keepText(place: string, text: string): void {
  try {
    if (text === '') sessionStorage.removeItem(PREFIX + place)
    else sessionStorage.setItem(PREFIX + place, text)
  } catch {
    // Blocked or full: it lasts as long as the page.
  }
}
