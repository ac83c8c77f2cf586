//! Laying a file and the environment over the defaults.

use super::ConfigError;
use std::collections::HashMap;
use toml::{Table, Value};

/// Names that the dashboard's environment has already, and the section and key that they fill.
const DASHBOARD_NAMES: [(&str, &str, &str); 9] = [
    ("WHATSAPP_PHONE_NUMBER_ID", "whatsapp", "phone_number_id"),
    (
        "WHATSAPP_BUSINESS_ACCOUNT_ID",
        "whatsapp",
        "business_account_id",
    ),
    ("WHATSAPP_ACCESS_TOKEN", "whatsapp", "access_token"),
    ("WHATSAPP_VERIFY_TOKEN", "whatsapp", "verify_token"),
    ("WHATSAPP_APP_SECRET", "whatsapp", "app_secret"),
    ("SUPABASE_URL", "storage", "url"),
    ("NEXT_PUBLIC_SUPABASE_URL", "storage", "url"),
    ("SUPABASE_SERVICE_ROLE_KEY", "storage", "service_key"),
    ("NEXT_PUBLIC_SUPABASE_ANON_KEY", "edge", "key"),
];

/// Parses one TOML text; errors name the place, never the line's text.
pub(super) fn parse(text: &str, file: &str) -> Result<Table, ConfigError> {
    text.parse::<Table>().map_err(|error| {
        let line = error
            .span()
            .map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        ConfigError::Malformed {
            place: format!(" file {file}, line {line},"),
            why: error.message().to_owned(),
        }
    })
}

/// Puts `over` on `base`, table by table; arrays and scalars are replaced.
pub(super) fn merge(base: &mut Table, over: Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Value::Table(inner)), Value::Table(value)) => merge(inner, value),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

/// Puts the environment on the table. `CHAT_<SECTION>_<KEY>` wins over the dashboard's names; an empty
/// text is as good as none, because that is how compose files hand on what nobody has set.
pub(super) fn overlay(
    table: &mut Table,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<(), ConfigError> {
    let environment: HashMap<_, _> = environment.into_iter().collect();
    for (section, keys) in table.iter_mut() {
        let Value::Table(keys) = keys else { continue };
        for (key, value) in keys.iter_mut() {
            let dashboard = DASHBOARD_NAMES
                .iter()
                .filter(|(_, of, named)| section == of && key == named);
            let own = format!("CHAT_{}_{}", section.to_uppercase(), key.to_uppercase());
            let names = std::iter::once(own.as_str()).chain(dashboard.map(|(name, ..)| *name));
            for name in names {
                if let Some(text) = environment.get(name).filter(|text| !text.is_empty()) {
                    *value = read_as(value, text).map_err(|wanted| ConfigError::Variable {
                        name: name.to_owned(),
                        wanted,
                    })?;
                    break;
                }
            }
        }
    }
    Ok(())
}

/// Reads `text` as the type that `like` has; the error says which type is wanted.
fn read_as(like: &Value, text: &str) -> Result<Value, &'static str> {
    match like {
        Value::Integer(_) => text
            .trim()
            .parse()
            .map(Value::Integer)
            .map_err(|_| "a whole number"),
        Value::Boolean(_) => text
            .trim()
            .parse()
            .map(Value::Boolean)
            .map_err(|_| "true or false"),
        Value::String(_) => Ok(Value::String(text.to_owned())),
        _ => Err("given in the file: lists have no environment variable"),
    }
}
