//! Phone numbers as WhatsApp writes them, and the other spellings one person may be known by.
//!
//! WhatsApp's `wa_id` is the name of an account, not a telephone number: where a country changed its
//! numbers, old accounts keep the old form. So a number is looked up in all its forms and never
//! rewritten; what we send to is what Meta gave us.

/// The digits of a number that came formatted (`+1 555-010…`); anything that is no number as it is.
pub fn plain(id: &str) -> String {
    let digits: String = id.chars().filter(char::is_ascii_digit).collect();
    let rest_is_form = id
        .chars()
        .all(|c| c.is_ascii_digit() || matches!(c, '+' | ' ' | '-' | '(' | ')' | '.'));
    if rest_is_form && !digits.is_empty() {
        digits
    } else {
        id.to_owned()
    }
}

/// The digits of a phone number that a person typed, country code first, as WhatsApp takes it: blanks, brackets, dots,
/// hyphens, slashes, a `+` or `00` before it are fine. `None` for what can be no such number (8 to 15 digits, no 0 first).
pub fn dialled_phone(typed: &str) -> Option<String> {
    let typed = typed.trim();
    let rest = typed.strip_prefix('+').unwrap_or(typed);
    let is_form = |c: char| c.is_ascii_digit() || matches!(c, ' ' | '-' | '(' | ')' | '.' | '/');
    if !rest.chars().all(is_form) {
        return None;
    }
    let digits: String = rest.chars().filter(char::is_ascii_digit).collect();
    let digits = match digits.strip_prefix("00") {
        Some(international) if rest.len() == typed.len() => international,
        _ => &digits,
    };
    ((8..=15).contains(&digits.len()) && !digits.starts_with('0')).then(|| digits.to_owned())
}

/// The other spellings under which the same account may be known; for lookup only.
///
/// Brazil: mobiles with and without the ninth digit (landlines have none). Argentina: with and
/// without the 9 after 54. Mexico: with and without the 1 after 52. Ivory Coast: eight digits before
/// 2021 and ten since, the two new ones being the operator's.
pub fn phone_variants(phone: &str) -> Vec<String> {
    if !phone.bytes().all(|b| b.is_ascii_digit()) {
        return Vec::new();
    }
    let variant = if let Some(national) = phone.strip_prefix("55") {
        brazil(national)
    } else if let Some(national) = phone.strip_prefix("54") {
        with_or_without("54", "9", national)
    } else if let Some(national) = phone.strip_prefix("52") {
        with_or_without("52", "1", national)
    } else if let Some(national) = phone.strip_prefix("225") {
        ivory_coast(national)
    } else {
        None
    };
    variant.into_iter().collect()
}

/// `national`: two digits of area, then eight digits, or nine that begin with 9.
fn brazil(national: &str) -> Option<String> {
    let (area, subscriber) = national.split_at_checked(2)?;
    let is_mobile = |eight: &str| eight.len() == 8 && eight.starts_with(['6', '7', '8', '9']);
    match subscriber.strip_prefix('9') {
        Some(eight) if is_mobile(eight) => Some(format!("55{area}{eight}")),
        _ if is_mobile(subscriber) => Some(format!("55{area}9{subscriber}")),
        _ => None,
    }
}

/// Countries whose mobiles are ten digits, with a digit before them on some accounts.
fn with_or_without(country: &str, digit: &str, national: &str) -> Option<String> {
    match national.strip_prefix(digit) {
        Some(ten) if ten.len() == 10 => Some(format!("{country}{ten}")),
        _ if national.len() == 10 => Some(format!("{country}{digit}{national}")),
        _ => None,
    }
}

/// Old numbers have eight digits; the second one named the operator, which the new prefix does now.
fn ivory_coast(national: &str) -> Option<String> {
    let prefix_of = |eight: &str| {
        let mobile = !eight.starts_with(['1', '2', '3']);
        match eight.as_bytes().get(1)? {
            b'0'..=b'3' if mobile => Some("01"),
            b'4'..=b'6' if mobile => Some("05"),
            b'7'..=b'9' if mobile => Some("07"),
            _ => None,
        }
    };
    match national.len() {
        8 => Some(format!("225{}{national}", prefix_of(national)?)),
        10 => {
            let (prefix, eight) = national.split_at(2);
            (prefix_of(eight)? == prefix).then(|| format!("225{eight}"))
        }
        _ => None,
    }
}
