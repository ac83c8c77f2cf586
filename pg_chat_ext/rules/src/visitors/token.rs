//! The token a visitor's client carries: a JSON Web Token that Supabase's gateway, REST and Realtime verify.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Serialize;
use sha2::Sha256;

#[derive(Serialize)]
struct Header<'a> {
    alg: &'static str,
    typ: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
}

/// `claims` (the text of a JSON object) as a compact HS256 token, signed by `key`.
///
/// `kid` names the key for a project that has several; none leaves the header without it.
pub fn session_token(claims: &str, key: &str, kid: Option<&str>) -> String {
    let header = Header {
        alg: "HS256",
        typ: "JWT",
        kid,
    };
    let header = serde_json::to_string(&header).expect("words are always JSON");
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(claims)
    );
    let mut mac =
        Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(signed.as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
    format!("{signed}.{signature}")
}
