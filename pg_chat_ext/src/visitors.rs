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

/// One row, so that `select * from` names its columns. Nulls where the header does not tell.
#[pg_extern(sql = false)]
#[allow(
    clippy::type_complexity,
    reason = "pgrx reads the columns from the signature"
)]
fn user_agent_of(
    header: Option<&str>,
) -> TableIterator<
    'static,
    (
        name!(browser, Option<String>),
        name!(os, Option<String>),
        name!(device, Option<&'static str>),
    ),
> {
    let told = rules::user_agent_of(header.unwrap_or_default());
    TableIterator::once((told.browser, told.os, told.device.map(rules::Device::word)))
}

/// One row, as above.
#[pg_extern(sql = false)]
fn place_of(
    country_header: Option<&str>,
    city_header: Option<&str>,
) -> TableIterator<'static, (name!(country, Option<String>), name!(city, Option<String>))> {
    let place = rules::place_of(country_header, city_header);
    TableIterator::once((place.country, place.city))
}
