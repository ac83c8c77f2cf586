//! A template's buttons.

use serde_json::{Value, json};

use super::stored::{Button, Does};
use super::text::plain;
use super::{Problem, products};

/// The component of the button that is number `n` from 0; `None` where nothing is sent for it. `code`: the body's first
/// value, which an authentication's button repeats.
pub(super) fn component(
    n: usize,
    button: &Button<'_>,
    given: Option<&Value>,
    code: Option<&Value>,
) -> Result<Option<Value>, Problem> {
    let place = format!("button {}", n + 1);
    let given = given.filter(|given| !given.is_null());
    let named = format!("\u{201c}{}\u{201d}", button.text);
    let text = |key: &str, value: &Value| {
        let value = if value.is_object() {
            &value[key]
        } else {
            value
        };
        plain(value).map_err(|why| Problem::wrong(&place, why))
    };
    let with = |sub_type: &str, parameter: Value| json!({"type": "button", "sub_type": sub_type, "index": n.to_string(), "parameters": [parameter]});
    let url = |text: String| with("url", json!({"type": "text", "text": text}));
    Ok(match (button.does, given) {
        (Does::Nothing | Does::QuickReply | Does::Catalog, None) => None,
        (Does::Nothing, Some(_)) => {
            return Err(Problem::superfluous(
                &place,
                &format!("{named} is always the same"),
            ));
        }
        (Does::Url, None) => {
            let address = button.url.unwrap_or_default();
            return Err(Problem::missing(
                &place,
                &format!("the end of the address of {named}, {address}"),
            ));
        }
        (Does::Url, Some(given)) => Some(url(text("text", given)?)),
        (Does::Otp, given) => match given.or(code) {
            Some(code) => Some(url(text("text", code)?)),
            None => return Err(Problem::missing(&place, "the code of the body")),
        },
        (Does::QuickReply, Some(given)) => {
            let payload = text("payload", given)?;
            Some(with(
                "quick_reply",
                json!({"type": "payload", "payload": payload}),
            ))
        }
        (Does::CopyCode, None) => {
            return Err(Problem::missing(
                &place,
                &format!("the code that {named} copies"),
            ));
        }
        (Does::CopyCode, Some(given)) => {
            let code = text("coupon_code", given)?;
            Some(with(
                "copy_code",
                json!({"type": "coupon_code", "coupon_code": code}),
            ))
        }
        (Does::Catalog, Some(given)) => {
            let product = text("thumbnail_product_retailer_id", action(given))?;
            let action = json!({"thumbnail_product_retailer_id": product});
            Some(with("catalog", json!({"type": "action", "action": action})))
        }
        (Does::Products, None) => {
            return Err(Problem::missing(&place, products::WANTS));
        }
        (Does::Products, Some(given)) => {
            let action =
                products::action(action(given)).map_err(|why| Problem::wrong(&place, why))?;
            Some(with("mpm", json!({"type": "action", "action": action})))
        }
        (Does::Flow, given) => {
            let action = given.map_or_else(|| json!({}), |given| action(given).clone());
            if !action.is_object() {
                return Err(Problem::wrong(
                    &place,
                    "opens a flow: give {\"flow_token\": …, \"flow_action_data\": {…}}, or nothing",
                ));
            }
            Some(with("flow", json!({"type": "action", "action": action})))
        }
    })
}

/// What was given, without Meta's own wrapping.
fn action(given: &Value) -> &Value {
    given.get("action").unwrap_or(given)
}
