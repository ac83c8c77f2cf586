//! Cards of an address book: `metadata.contacts`, Meta's list.

use serde_json::Value;

use super::check::Refused;
use super::field::Field;

/// Most cards of a message.
const CARDS: usize = 257;
/// Longest name, in characters.
const NAME: usize = 1_000;

/// The list, each of whose cards has a name to show.
pub(super) fn read<'a>(metadata: &Field<'a>) -> Result<&'a Value, Refused> {
    let contacts = metadata.get("contacts");
    for card in contacts.list(1..=CARDS)? {
        card.object()?;
        card.get("name").get("formatted_name").text(NAME)?;
    }
    Ok(contacts.value())
}
