// What survives a reload, where the browser lets it.

/** The part of the Web Storage API that is used; localStorage is one. */
export interface KeyValue {
  readonly length: number
  key(index: number): string | null
  getItem(key: string): string | null
  setItem(key: string, value: string): void
  removeItem(key: string): void
}

/** Keeps everything until the page goes. */
export class Memory implements KeyValue {
  readonly #values = new Map<string, string>()

  get length(): number {
    return this.#values.size
  }

  key(index: number): string | null {
    return [...this.#values.keys()][index] ?? null
  }

  getItem(key: string): string | null {
    return this.#values.get(key) ?? null
  }

  setItem(key: string, value: string): void {
    this.#values.set(key, value)
  }

  removeItem(key: string): void {
    this.#values.delete(key)
  }
}

/** The browser's own, or memory where it is blocked, full or not there. */
export function browserStorage(): KeyValue {
  try {
    const storage = globalThis.localStorage
    const probe = 'pg-chat:probe'
    storage.setItem(probe, probe)
    storage.removeItem(probe)
    return storage
  } catch {
    return new Memory()
  }
}

/** All keys that begin so. */
export function keysOf(storage: KeyValue, prefix: string): string[] {
  return Array.from({ length: storage.length }, (_, n) => storage.key(n)).filter(
    (key): key is string => key !== null && key.startsWith(prefix),
  )
}
