//! A webhook body cut into the pieces that are stored in one transaction each.

use std::collections::BTreeMap;

use super::item::{Item, What};

/// Most items of one transaction: enough to share its cost, few enough to hold locks shortly.
pub const MAX_RUN: usize = 50;

/// Items cut into runs of at most [`MAX_RUN`], each of one phone number; the past and fields apart from the rest.
///
/// Within a number what is said now comes before the past, and that before fields; then by identity: every transaction
/// takes its locks in the same order, so two bodies stored at once cannot wait for each other. Items
/// of one identity keep the order they came in. The past and fields have runs of their own, because they lock other rows.
pub fn cut_runs(items: Vec<Item>) -> Vec<Vec<Item>> {
    let mut by_number: BTreeMap<Option<String>, Vec<Item>> = BTreeMap::new();
    for item in items {
        by_number
            .entry(item.phone_number_id.clone())
            .or_default()
            .push(item);
    }
    let mut runs = Vec::new();
    for (_, mut items) in by_number {
        items.sort_by(|a, b| (a.what, a.identity_key()).cmp(&(b.what, b.identity_key())));
        let fields = items.split_off(items.partition_point(|item| item.what < What::Field));
        let past = items.split_off(items.partition_point(|item| item.what < What::History));
        for items in [items, past, fields] {
            let mut items = items.into_iter().peekable();
            while items.peek().is_some() {
                runs.push(items.by_ref().take(MAX_RUN).collect());
            }
        }
    }
    runs
}
