// What the database promises of one conversation, in memory: gapless `change` and `seq`, pages by seq, changes by change,
// a row's own id once. Agents see all rows, a visitor those with a publicSeq, each topic with its own `prev`.

import type { Row } from '@pg-chat/client'

export interface Message extends Row {
  readonly content: string | null
  readonly seq: number
}

export interface Hint {
  readonly change: number
  readonly prev: number
}

/** One conversation as the database keeps it. */
export class Conversation {
  readonly rows = new Map<string, Message>()
  change = 0
  /** The newest change a visitor may see. */
  publicChange = 0
  #seq = 0
  #publicSeq = 0
  readonly told: { agents: Hint[]; visitor: Hint[] } = { agents: [], visitor: [] }

  /** A message, or the one that is there under its id. */
  insert(id: string, content: string, sentAt: string, note = false): { row: Message; before: number } {
    const there = this.rows.get(id)
    if (there) return { row: there, before: there.change - 1 }
    const row = {
      id,
      content,
      sentAt,
      change: this.change + 1,
      seq: ++this.#seq,
      publicSeq: note ? null : ++this.#publicSeq,
    }
    return { row, before: this.#keep(row) }
  }

  /** A tick, an edit, a reaction; null: taken back. */
  update(id: string, content: string | null): void {
    const row = this.rows.get(id)
    if (row) this.#keep({ ...row, content, change: this.change + 1 })
  }

  /** The conversation's own fields change: a number is taken, no message has it. */
  touch(seenByVisitor: boolean): void {
    this.#tell(seenByVisitor)
  }

  page(before: number, size: number): Message[] {
    const rows = [...this.rows.values()].filter((row) => row.seq < before).sort((a, b) => b.seq - a.seq)
    return rows.slice(0, size)
  }

  since(change: number, size: number): { rows: Message[]; upTo: number; more: boolean } {
    const rows = [...this.rows.values()].filter((row) => row.change > change).sort((a, b) => a.change - b.change)
    const page = rows.slice(0, size)
    const more = page.length === size
    return { rows: page, upTo: more ? page[page.length - 1]!.change : this.change, more }
  }

  /** As whoever sees all messages should see them. */
  shown(): string[] {
    const rows = [...this.rows.values()]
    rows.sort((a, b) => Date.parse(a.sentAt) - Date.parse(b.sentAt) || a.seq - b.seq)
    return rows.map((row) => `${row.id} ${row.content} ${row.change}`)
  }

  #keep(row: Message): number {
    this.rows.set(row.id, row)
    return this.#tell(row.publicSeq !== null)
  }

  #tell(seenByVisitor: boolean): number {
    const before = this.change
    this.change += 1
    this.told.agents.push({ change: this.change, prev: before })
    if (seenByVisitor) {
      this.told.visitor.push({ change: this.change, prev: this.publicChange })
      this.publicChange = this.change
    }
    return before
  }
}
