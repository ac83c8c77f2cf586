// What was refused, by whom, and whether it passes by itself.

/** What PostgREST says when it answers with an error, and what supabase-js makes of a connection that failed. */
export interface Refusal {
  message?: string
  details?: string | null
  hint?: string | null
  code?: string
  retry_after?: number
}

/** A call that did not succeed. `code` is the stable name (docs/errors.md), such as `chat/window_closed`, or SQL's own. */
export class ChatError extends Error {
  override readonly name = 'ChatError'

  constructor(
    message: string,
    /** `chat/…`, an SQLSTATE, a code of PostgREST or Storage, or `offline` when nobody answered. */
    readonly code: string,
    /** The HTTP status; 0 when nobody answered. */
    readonly status: number,
    /** The way out, for people. */
    readonly hint: string | null = null,
    /** Seconds until it is worth trying again, where the server said so. */
    readonly retryAfter: number | null = null,
    /** Beyond the above, such as `problems` of a form. */
    readonly body: Readonly<Record<string, unknown>> = {},
  ) {
    super(message)
  }

  /** The same call may succeed a little later: nobody answered, the server is busy or starting, too many calls. */
  get passes(): boolean {
    return this.status === 0 || this.status === 408 || this.status === 425 || this.status === 429 || this.status >= 500
  }

  /** The token is no longer worth anything. A new one may be. */
  get needsToken(): boolean {
    return this.status === 401
  }
}

/** The error of an answer: its status and what came with it. */
export function refusal(status: number, said: Refusal | null): ChatError {
  const ours = said?.details?.startsWith('chat/') ? said.details : null
  return new ChatError(
    said?.message || `the server answered ${status}`,
    ours ?? (said?.code || (status === 0 ? 'offline' : `http/${status}`)),
    status,
    said?.hint ?? null,
    said?.retry_after ?? null,
    { ...said },
  )
}

/** Whatever was thrown, as a ChatError: what is none is a connection that failed. */
export function asChatError(thrown: unknown): ChatError {
  if (thrown instanceof ChatError) return thrown
  return new ChatError(thrown instanceof Error ? thrown.message : String(thrown), 'offline', 0)
}
