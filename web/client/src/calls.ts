// Typed calls of the public functions and tables, over supabase-js. What is refused is thrown as a ChatError.

import type { SupabaseClient } from '@supabase/supabase-js'
import { ChatError, refusal, type Refusal } from './chat_error.js'
import { mapRecord, mapRecords } from './map_record.js'
import type { ChatFunctions, ChatTables } from './shapes.js'

type AnySupabase = SupabaseClient<any, any, any>

/** The project's client, whatever its database type. */
export type { AnySupabase as Supabase }

type Query = ReturnType<ReturnType<AnySupabase['from']>['select']>
type Answer = { data: unknown; error: Refusal | null; status: number }

/** Calls in somebody's name: whoever the client's token says. */
export class Calls {
  constructor(
    readonly supabase: AnySupabase,
    /** Gets a new token after a 401, once a call. */
    private readonly renew: (() => Promise<void>) | null = null,
  ) {}

  /** A public function, such as `call('chat_claim', { conversation })`. Rows come in camelCase. */
  async call<N extends keyof ChatFunctions>(
    name: N,
    args: ChatFunctions[N]['args'],
    signal?: AbortSignal,
  ): Promise<ChatFunctions[N]['returns']> {
    const data = await this.answer(() => {
      const query = this.supabase.rpc(name, args as Record<string, unknown>)
      return signal ? query.abortSignal(signal) : query
    })
    return mapAnswer(data) as ChatFunctions[N]['returns']
  }

  /** Rows of a table or view. `narrow` filters and orders by its columns, which it names as the database does. */
  async read<T extends keyof ChatTables>(table: T, narrow: (query: Query) => Query = (q) => q): Promise<ChatTables[T][]> {
    const data = await this.answer(() => narrow(this.supabase.from(table).select('*')))
    return mapRecords(data as Record<string, unknown>[])
  }

  /** Writes a row and answers it; null where a message with its id is there already, which is to be read then. */
  async insert<T extends keyof ChatTables>(table: T, row: Partial<ChatTables[T]>): Promise<ChatTables[T] | null> {
    const data = await this.answer(() => this.supabase.from(table).insert(toColumns(row)).select('*').maybeSingle())
    return data === null ? null : mapRecord(data as Record<string, unknown>)
  }

  /** Changes the row with an id and answers it. */
  async update<T extends keyof ChatTables>(table: T, id: string, changes: Partial<ChatTables[T]>): Promise<ChatTables[T]> {
    const data = await this.answer(() => this.supabase.from(table).update(toColumns(changes)).eq('id', id).select('*').single())
    return mapRecord(data as Record<string, unknown>)
  }

  /** Deletes the row with an id: canned responses, articles, departments. */
  async remove(table: keyof ChatTables, id: string): Promise<void> {
    await this.answer(() => this.supabase.from(table).delete().eq('id', id))
  }

  private async answer(ask: () => PromiseLike<Answer>): Promise<unknown> {
    const answer = await ask()
    if (!answer.error) return answer.data
    const error = refusal(answer.status, answer.error)
    if (!error.needsToken || !this.renew) throw error
    await this.renew()
    const again = await ask()
    if (again.error) throw refusal(again.status, again.error)
    return again.data
  }
}

/** Arguments without those that are null: these have their defaults then. */
export function given<A extends object>(args: A): { [K in keyof A]: Exclude<A[K], null> } {
  return Object.fromEntries(Object.entries(args).filter(([, value]) => value !== null)) as { [K in keyof A]: Exclude<A[K], null> }
}

/** Properties in camelCase as the columns they are. */
function toColumns(row: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), value]),
  )
}

/** Rows and objects with their keys in camelCase; anything else as it is. */
function mapAnswer(data: unknown): unknown {
  if (Array.isArray(data)) return data.map(mapAnswer)
  return isRecord(data) ? mapRecord(data) : data
}

function isRecord(data: unknown): data is Record<string, unknown> {
  return typeof data === 'object' && data !== null
}

/** A row that has to be there. */
export function only<T>(rows: readonly T[]): T {
  const row = rows[0]
  if (row === undefined) throw new ChatError('there is no such row that you may see', 'chat/not_found', 404)
  return row
}
