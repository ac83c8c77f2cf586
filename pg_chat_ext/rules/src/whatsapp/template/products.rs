//! The products that a template's button lists.

use serde_json::{Value, json};

use super::text::plain;
use crate::whatsapp::fields::list;

/// What has to be given.
pub(super) const WANTS: &str = "the products as {\"thumbnail_product_retailer_id\": …, \"sections\": [{\"title\": …, \"product_items\": [{\"product_retailer_id\": …}]}]}";

const SECTIONS: usize = 10;
const PRODUCTS: usize = 30;
const TITLE: usize = 24;

/// Meta's `action`: the product whose picture is shown, and the sections. Items may be bare ids.
pub(super) fn action(given: &Value) -> Result<Value, &'static str> {
    let thumbnail = plain(&given["thumbnail_product_retailer_id"])
        .map_err(|_| "names no product for its picture: give thumbnail_product_retailer_id")?;
    let sections = list(given, "sections");
    if sections.is_empty() || sections.len() > SECTIONS {
        return Err("has no section or more than 10: give sections, each with product_items");
    }
    let mut count = 0;
    let mut sent = Vec::new();
    for section in sections {
        let items = list(section, "product_items");
        if items.is_empty() {
            return Err("has a section without products: give product_items in each");
        }
        count += items.len();
        let mut products = Vec::new();
        for item in items {
            let id = item.get("product_retailer_id").unwrap_or(item);
            let id = plain(id).map_err(|_| {
                "has a product without an id: give product_retailer_id, as the catalogue has it"
            })?;
            products.push(json!({"product_retailer_id": id}));
        }
        let mut part = json!({"product_items": products});
        match section["title"].as_str().map(str::trim) {
            Some(title) if title.chars().count() > TITLE => {
                return Err(
                    "has a section with a title of more than 24 characters: make it shorter",
                );
            }
            Some(title) if !title.is_empty() => part["title"] = json!(title),
            _ if sections.len() > 1 => {
                return Err("has several sections, one without a title: give each a title");
            }
            _ => {}
        }
        sent.push(part);
    }
    if count > PRODUCTS {
        return Err("has more than 30 products: leave some out");
    }
    Ok(json!({"thumbnail_product_retailer_id": thumbnail, "sections": sent}))
}
