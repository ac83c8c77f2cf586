//! How Meta writes and signs a webhook body.
//!
//! Meta escapes every non-ASCII character as lower-case `\uXXXX`, and `/` and `@`
//! too, and signs those bytes. A receiver that parses and writes again before it
//! verifies computes another signature; with these bytes a test notices.

use std::fmt::Write as _;
use std::io;

use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{Formatter, Serializer};
use sha2::Sha256;

/// The value of `X-Hub-Signature-256` for `body`: `sha256=` and 64 lower-case hex digits.
pub fn signature(app_secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(app_secret.as_bytes())
        .expect("HMAC takes a key of any length");
    mac.update(body);
    let mut header = String::from("sha256=");
    for byte in mac.finalize().into_bytes() {
        write!(header, "{byte:02x}").expect("a String takes any text");
    }
    header
}

/// `value` as compact JSON in Meta's spelling.
pub fn wire(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    value
        .serialize(&mut Serializer::with_formatter(&mut bytes, MetaSpelling))
        .expect("a JSON value has string keys and a Vec takes any bytes");
    bytes
}

struct MetaSpelling;

impl Formatter for MetaSpelling {
    fn write_string_fragment<W>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()>
    where
        W: ?Sized + io::Write,
    {
        for letter in fragment.chars() {
            match letter {
                '/' => writer.write_all(br"\/")?,
                '@' => writer.write_all(br"\u0040")?,
                _ if letter.is_ascii() => writer.write_all(&[letter as u8])?,
                _ => {
                    for unit in letter.encode_utf16(&mut [0; 2]) {
                        write!(writer, "\\u{unit:04x}")?;
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bodies_are_spelled_as_meta_spells_them() {
        let body = wire(&json!({"body": "äö 🎉 http://a.b/c?d=1&e=2 <b> me@a.b \"q\"\n"}));
        assert_eq!(
            String::from_utf8(body).unwrap(),
            r#"{"body":"\u00e4\u00f6 \ud83c\udf89 http:\/\/a.b\/c?d=1&e=2 <b> me\u0040a.b \"q\"\n"}"#
        );
    }

    #[test]
    fn the_signature_is_the_hmac_of_the_bytes() {
        // RFC 4231, test case 2.
        assert_eq!(
            signature("Jefe", b"what do ya want for nothing?"),
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
