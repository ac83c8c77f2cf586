// One conversation as a client knows it: pages, changes, answers to its own writes and hints, in whatever order they
// arrive, often twice or late, and what is not yet sent.
//
// Everything here is pure. Three rules make the order of arrival irrelevant:
//   1. Of one row the greatest `change` wins.
//   2. `known` only grows, and only when everything up to it is certain to be here.
//   3. A row that arrives takes the draft with its id away.
// A broadcast brings no row, so every one that is news asks for what is greater than `known`: whatever was dropped
// before it comes along.

/** What a row must have to be merged: a message of `mod_chat_messages`, or of `chat_my_messages`, which has no `seq`. */
export interface Row {
  readonly id: string
  readonly change: number
  readonly sentAt: string
  readonly seq?: number
  readonly publicSeq: number | null
}

/** What somebody wrote that is not in the database yet. */
export interface Draft {
  /** The row's own id: however often it is sent, there is one message. */
  readonly id: string
  /** Null: a visitor's, in whichever conversation is open by then. */
  readonly conversationId: string | null
  readonly content: string
  readonly replyToId: string | null
  readonly isInternalNote: boolean
  readonly file: DraftFile | null
  readonly createdAt: string
  readonly state: 'uploading' | 'sending' | 'failed'
  /** Of its file, 0 to 1. */
  readonly progress: number
  /** Why it was refused, or what stands in the way just now. */
  readonly error: DraftError | null
}

/** A file of a draft. */
export interface DraftFile {
  readonly name: string
  readonly size: number
  readonly mimeType: string
  /** Where it lies once it is uploaded: the id of an upload (visitors) or a path of the bucket (agents). */
  readonly stored: string | null
}

/** Why a draft is not sent. */
export interface DraftError {
  readonly code: string
  readonly message: string
  readonly hint: string | null
}

/** What is known of a conversation. */
export interface Timeline<M extends Row> {
  readonly rows: ReadonlyMap<string, M>
  readonly drafts: readonly Draft[]
  /** Every change up to this one is here, of every message from `oldest` on. */
  readonly known: number
  /** From this change on every one is here, of older messages too: a page that is not as new cannot stand below. */
  readonly base: number
  /** The greatest change that anybody spoke of. */
  readonly heard: number
  /** The number of the oldest message of the pages; null before the first page, 0 when there is nothing older. */
  readonly oldest: number | null
}

/** What can happen to a timeline. */
export type Happening<M extends Row> =
  /** A page, newest or older, of at most `size`. `change`: one that is surely in it. Of the first page the conversation's
   *  newest before the page was asked for; of a later one what was known then. */
  | { readonly type: 'page'; readonly rows: readonly M[]; readonly size: number; readonly change: number }
  /** What was changed after `since`, whole up to `upTo`. */
  | { readonly type: 'changes'; readonly since: number; readonly rows: readonly M[]; readonly upTo: number }
  /** The answer to a write: one row, and the change before it on the same topic where that is known. */
  | { readonly type: 'row'; readonly row: M; readonly before: number | null }
  /** A broadcast. */
  | { readonly type: 'heard'; readonly change: number }
  /** A draft that is new, or is otherwise than before. */
  | { readonly type: 'draft'; readonly draft: Draft }
  | { readonly type: 'discarded'; readonly id: string }

/** A line as it is shown: a message, or a draft. */
export type Line<M extends Row> =
  | { readonly id: string; readonly message: M; readonly draft: null }
  | { readonly id: string; readonly message: null; readonly draft: Draft }

/** Nothing is known yet. */
export function emptyTimeline<M extends Row>(drafts: readonly Draft[] = []): Timeline<M> {
  return { rows: new Map(), drafts, known: 0, base: 0, heard: 0, oldest: null }
}

/** The timeline after something happened. The same object when it changes nothing. */
export function reduce<M extends Row>(before: Timeline<M>, happening: Happening<M>): Timeline<M> {
  switch (happening.type) {
    case 'page': {
      const merged = merge(before, happening.rows)
      // Asked for before the first page was, and overtaken by it: what changed in between would be missing.
      if (before.oldest !== null && happening.change < before.base) return merged
      const numbers = happening.rows.length < happening.size ? [0] : happening.rows.map(numberOf)
      const oldest = Math.min(before.oldest ?? Infinity, ...numbers)
      if (before.oldest !== null || happening.change <= before.known) return settle(before, { ...merged, oldest })
      return settle(before, { ...merged, oldest, known: happening.change, base: happening.change })
    }
    case 'changes': {
      const merged = merge(before, happening.rows)
      const known = happening.since <= before.known ? Math.max(before.known, happening.upTo) : before.known
      return settle(before, { ...merged, known })
    }
    case 'row': {
      const merged = merge(before, [happening.row])
      const follows = happening.before !== null && happening.before <= before.known
      const known = follows ? Math.max(before.known, happening.row.change) : before.known
      return hear(settle(before, { ...merged, known }), happening.row.change)
    }
    case 'heard':
      return hear(before, happening.change)
    case 'draft': {
      if (before.rows.has(happening.draft.id)) return before
      const at = before.drafts.findIndex((draft) => draft.id === happening.draft.id)
      const drafts =
        at < 0 ? [...before.drafts, happening.draft] : before.drafts.map((draft, n) => (n === at ? happening.draft : draft))
      return { ...before, drafts }
    }
    case 'discarded':
      return settle(before, { ...before, drafts: without(before.drafts, (id) => id === happening.id) })
  }
}

/** Whether something was spoken of that is not here. */
export function isBehind(timeline: Timeline<Row>): boolean {
  return timeline.heard > timeline.known
}

/** Whether older messages can be asked for. */
export function hasOlder(timeline: Timeline<Row>): boolean {
  return timeline.oldest !== null && timeline.oldest > 0
}

/** Messages in the order they are shown, by the time they were written, then by number; then what is not sent yet. */
export function lines<M extends Row>(timeline: Timeline<M>): Line<M>[] {
  const oldest = timeline.oldest ?? 0
  // A change of a message that is older than the pages waits for its page: its neighbours are not here.
  const shown = [...timeline.rows.values()].filter((row) => numberOf(row) >= oldest)
  const times = new Map(shown.map((row) => [row.id, Date.parse(row.sentAt)]))
  shown.sort((a, b) => times.get(a.id)! - times.get(b.id)! || compareFraction(a, b) || numberOf(a) - numberOf(b))
  return [
    ...shown.map((message) => ({ id: message.id, message, draft: null })),
    ...timeline.drafts.map((draft) => ({ id: draft.id, message: null, draft })),
  ]
}

/** The number by which a message's pages are cut. */
export function numberOf(row: Row): number {
  return row.seq ?? row.publicSeq ?? 0
}

/** Microseconds, which Date does not know: PostgREST writes times of one zone, so their fractions compare as text. */
function compareFraction(a: Row, b: Row): number {
  const [x, y] = [fraction(a.sentAt), fraction(b.sentAt)]
  return x < y ? -1 : x > y ? 1 : 0
}

function fraction(time: string): string {
  return (/\.(\d+)/.exec(time)?.[1] ?? '').padEnd(6, '0')
}

/** The rows with what is newer of each, and without the drafts that they are. */
function merge<M extends Row>(before: Timeline<M>, rows: readonly M[]): Timeline<M> {
  const newer = rows.filter((row) => row.change > (before.rows.get(row.id)?.change ?? -1))
  if (newer.length === 0) return before
  const merged = new Map(before.rows)
  for (const row of newer) {
    if (row.change > (merged.get(row.id)?.change ?? -1)) merged.set(row.id, row)
  }
  return { ...before, rows: merged, drafts: without(before.drafts, (id) => merged.has(id)) }
}

function hear<M extends Row>(timeline: Timeline<M>, change: number): Timeline<M> {
  return change > Math.max(timeline.known, timeline.heard) ? { ...timeline, heard: change } : timeline
}

function without(drafts: readonly Draft[], gone: (id: string) => boolean): readonly Draft[] {
  return drafts.some((draft) => gone(draft.id)) ? drafts.filter((draft) => !gone(draft.id)) : drafts
}

/** The object of before where nothing is otherwise, so that nobody draws again for nothing. */
function settle<M extends Row>(before: Timeline<M>, after: Timeline<M>): Timeline<M> {
  const same =
    before.rows === after.rows &&
    before.drafts === after.drafts &&
    before.known === after.known &&
    before.oldest === after.oldest
  return same ? before : after
}
