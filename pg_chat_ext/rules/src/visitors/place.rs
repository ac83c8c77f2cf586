//! Where a proxy says somebody is.

use serde::Serialize;

/// Characters of a city's name that are kept.
const CITY_CHARS: usize = 100;

/// A country by its two letters, and a city.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Place {
    /// ISO 3166-1, upper case.
    pub country: Option<String>,
    /// As the proxy spells it.
    pub city: Option<String>,
}

/// Reads the two headers of a proxy that tells places.
///
/// Proxies write `XX` for unknown and `T1` for Tor: no country. A city comes as it is or percent-encoded, because a header
/// is Latin-1. Without a country a city says nothing.
pub fn place_of(country: Option<&str>, city: Option<&str>) -> Place {
    let Some(country) = country.and_then(country_of) else {
        return Place::default();
    };
    Place {
        country: Some(country),
        city: city.and_then(city_of),
    }
}

fn country_of(header: &str) -> Option<String> {
    let code = header.trim().to_ascii_uppercase();
    let known = code.len() == 2
        && code.bytes().all(|byte| byte.is_ascii_uppercase())
        && !matches!(code.as_str(), "XX" | "ZZ");
    known.then_some(code)
}

fn city_of(header: &str) -> Option<String> {
    let decoded = percent_decoded(header).unwrap_or_else(|| header.to_owned());
    let city: String = decoded
        .chars()
        .filter(|letter| !letter.is_control() && !turns_direction(*letter))
        .take(CITY_CHARS)
        .collect();
    let city = city.trim();
    (!city.is_empty()).then(|| city.to_owned())
}

/// Marks that turn the direction of the text after them, and so fake another.
fn turns_direction(letter: char) -> bool {
    matches!(letter, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// The text behind `%XX`; nothing when it is not in that form, or not UTF-8.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(if byte == b'%' {
            let mut hex = || char::from(rest.next()?).to_digit(16);
            let (high, low) = (hex()?, hex()?);
            u8::try_from(high * 16 + low).ok()?
        } else {
            byte
        });
    }
    String::from_utf8(bytes).ok()
}
