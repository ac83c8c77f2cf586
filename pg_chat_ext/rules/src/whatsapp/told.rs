//! What Meta tells besides messages: of templates, numbers, accounts, and what people decided about us.
//!
//! Each field becomes flat items that say which of our rows they are about and what is to stand there; SQL writes it and
//! knows nothing of Meta's forms. Account fields carry no `metadata`: they are routed by the account's id.

mod account;
mod number;
mod person;
mod template;

use serde_json::{Map, Value};

use super::fields::{id, word};
use super::item::{About, Item, What};

/// The items of a change of `field`; `None` for a field that changes no row of ours.
///
/// # Errors
/// The reason of a dead letter, for a value that names no row.
pub(super) fn read(field: &str, value: &Value) -> Option<Result<Vec<Item>, &'static str>> {
    let items = match field {
        "message_template_status_update" => template::status(value),
        "message_template_quality_update" => template::quality(value),
        "template_category_update" => template::category(value),
        "message_template_components_update" => template::components(value),
        "phone_number_quality_update" => number::quality(value),
        "phone_number_name_update" => number::name(value),
        "business_username_update" => number::username(value),
        "security" => number::security(value),
        "account_settings_update" => number::settings(value),
        "business_capability_update" => account::capability(value),
        "account_update" => account::update(value),
        "account_review_update" => account::review(value),
        "account_alerts" => account::alert(value),
        "user_preferences" => return Some(person::preferences(value)),
        "user_id_update" => return Some(person::new_ids(value)),
        _ => return None,
    };
    Some(items.map(|item| vec![item]).ok_or("not_readable"))
}

/// An item about a row of ours. Its raw change is added by the reader of bodies.
fn told(about: About, event: Option<String>, facts: Map<String, Value>) -> Item {
    Item {
        about: Some(about),
        event,
        facts,
        ..Item::new(What::Field, Value::Null)
    }
}

/// A word in capitals, as Meta's enums are.
fn capitals(from: &Value, key: &str) -> Option<String> {
    word(from, key).map(|word| word.to_uppercase())
}

/// Our names beside values; what is null is left out.
fn facts<const N: usize>(pairs: [(&str, Option<Value>); N]) -> Map<String, Value> {
    pairs
        .into_iter()
        .filter_map(|(name, value)| {
            Some((name.to_owned(), value.filter(|value| !value.is_null())?))
        })
        .collect()
}

fn text(from: &Value, key: &str) -> Option<Value> {
    word(from, key).map(Value::String)
}

/// An id of Meta's, which it writes as a number here and as a text there.
fn meta_id(from: &Value, key: &str) -> Option<Value> {
    id(from, key).map(Value::String)
}
