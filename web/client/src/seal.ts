// Secrets are sealed before they leave the browser: only the worker's private key opens them, so neither the database nor
// its dumps and logs ever hold one. An entry of its own, because a widget has nothing to seal.

import { hsalsa, xsalsa20poly1305 } from '@noble/ciphers/salsa.js'
import { pow } from '@noble/curves/abstract/modular.js'
import { montgomery } from '@noble/curves/abstract/montgomery.js'
import { blake2b } from '@noble/hashes/blake2.js'
import { sha256 } from '@noble/hashes/sha2.js'

const VERSION = 1
const KEY_BYTES = 32
const P = 2n ** 255n - 19n

/** X25519 of RFC 7748 alone: the library's own brings Edwards curves and SHA-512 along, which nothing here needs. */
const x25519 = montgomery({
  P,
  type: 'x25519',
  powPminus2: (x) => pow(x, P - 2n, P),
  adjustScalarBytes: (bytes: Uint8Array) => {
    bytes[0]! &= 248
    bytes[31]! &= 127
    bytes[31]! |= 64
    return bytes
  },
})

/**
 * The envelope, in base64, of a secret for the worker whose public key `chat_worker_key` answers (`publicKey`, base64):
 * what functions such as `chat_save_whatsapp_number` take. The version 1, the first 8 bytes of the key's SHA-256, then a
 * box as libsodium's crypto_box_seal makes it.
 */
export function seal(publicKey: string, secret: string): string {
  const recipient = fromBase64(publicKey)
  if (recipient.length !== KEY_BYTES) throw new RangeError('a public key is 32 bytes in base64, as chat_worker_key answers it')
  const own = x25519.utils.randomSecretKey()
  const ownPublic = x25519.getPublicKey(own)
  const nonce = blake2b.create({ dkLen: 24 }).update(ownPublic).update(recipient).digest()
  const box = xsalsa20poly1305(boxKey(x25519.getSharedSecret(own, recipient)), nonce)
  const sealed = box.encrypt(new TextEncoder().encode(secret))
  return toBase64([VERSION, ...sha256(recipient).subarray(0, 8), ...ownPublic, ...sealed])
}

/** crypto_box's key: HSalsa20 of the shared secret under a zero nonce. */
function boxKey(shared: Uint8Array): Uint8Array {
  const key = new Uint32Array(8)
  hsalsa(words(new TextEncoder().encode('expand 32-byte k')), words(shared), new Uint32Array(4), key)
  return new Uint8Array(key.buffer)
}

/** The same bytes as words, as noble takes them. */
function words(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(bytes.slice().buffer)
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0))
}

function toBase64(bytes: number[]): string {
  return btoa(String.fromCharCode(...bytes))
}
