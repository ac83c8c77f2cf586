// Chance that can be repeated: mulberry32.

/** Numbers from 0 to below 1, the same for the same seed. */
export function chance(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** Seeds to try: CHAT_SEED alone, else from 1 on. */
export function seeds(count: number): number[] {
  const one = process.env['CHAT_SEED']
  return one ? [Number(one)] : Array.from({ length: count }, (_, n) => n + 1)
}
