// What stands in the way, in words.

import type { ChatError } from '@pg-chat/client'

/** What an alert says; null when nothing has to be said. */
export function trouble(error: ChatError | null): string | null {
  if (!error) return null
  if (error.passes) return 'The server cannot be reached. What you write is kept, and sent as soon as it can be.'
  return error.hint ? `${error.message}: ${error.hint}` : error.message
}

/** How changes arrive. */
export function liveness(isLive: boolean): string {
  return isLive ? 'Live' : 'Looking every few seconds'
}
