// A value that can be watched, in the form that useSyncExternalStore and its like take.

/** Holds a value and tells whoever listens when it is another. */
export class Store<S> {
  #value: S
  readonly #listeners = new Set<() => void>()

  constructor(value: S) {
    this.#value = value
  }

  /** The value now; the same object until something changes. */
  readonly get = (): S => this.#value

  /** Listens until the answer is called. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  set(value: S): void {
    if (Object.is(value, this.#value)) return
    this.#value = value
    for (const listener of [...this.#listeners]) listener()
  }

  /** Changes some of its fields. */
  patch(changes: Partial<S>): void {
    this.set({ ...this.#value, ...changes })
  }
}
