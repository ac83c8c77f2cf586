//! What a message answers, and where it was forwarded from.

use serde_json::Value;

use super::fields::{flag, id};
use super::item::Context;

/// The context of a message, if it has any.
pub(super) fn context(message: &Value) -> Option<Context> {
    let context = message
        .get("context")
        .filter(|context| context.is_object())?;
    let read = Context {
        wamid: id(context, "id"),
        from: id(context, "from"),
        forwarded: flag(context, "forwarded"),
        frequently_forwarded: flag(context, "frequently_forwarded"),
        referred_product: context
            .get("referred_product")
            .filter(|product| product.is_object())
            .cloned(),
    };
    let says_something = read.wamid.is_some()
        || read.from.is_some()
        || read.forwarded
        || read.frequently_forwarded
        || read.referred_product.is_some();
    says_something.then_some(read)
}
