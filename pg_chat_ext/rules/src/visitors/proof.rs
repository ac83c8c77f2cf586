//! The proof a site's own server gives for one of its users: HMAC-SHA256 of the user's id by the site's key.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Bytes of an HMAC-SHA256.
const LENGTH: usize = 32;

/// Whether `proof` (64 hexadecimal digits, either case) is the HMAC-SHA256 of `external_id` by `key`.
///
/// The comparison takes the same time wherever the two differ. An empty key or id proves nothing.
pub fn identity_proven(external_id: &str, proof: &str, key: &str) -> bool {
    if key.is_empty() || external_id.is_empty() {
        return false;
    }
    let Some(proof) = bytes_of_hex(proof) else {
        return false;
    };
    let mut mac =
        Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(external_id.as_bytes());
    mac.verify_slice(&proof).is_ok()
}

fn bytes_of_hex(text: &str) -> Option<[u8; LENGTH]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * LENGTH {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut bytes = [0; LENGTH];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok()?;
    }
    Some(bytes)
}
