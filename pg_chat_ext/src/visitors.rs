//! Rules of the room `visitors`.

use chat_rules::visitors as rules;
use pgrx::prelude::*;

/// Without claims or a key there is nothing to sign.
#[pg_extern(sql = false)]
fn session_token(claims: Option<&str>, key: Option<&str>, kid: Option<&str>) -> Option<String> {
    Some(rules::session_token(claims?, key?, kid))
}

#[pg_extern(sql = false)]
fn identity_proven(external_id: Option<&str>, proof: Option<&str>, key: Option<&str>) -> bool {
    let (proof, key) = (proof.unwrap_or_default(), key.unwrap_or_default());
    rules::identity_proven(external_id.unwrap_or_default(), proof, key)
}

#[pg_extern(sql = false)]
fn forwarded_address(header: &str, hops: i32) -> Option<String> {
    rules::forwarded_address(header, hops).map(|address| address.to_string())
}
