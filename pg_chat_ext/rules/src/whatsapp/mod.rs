//! WhatsApp: what Meta's webhooks say, how far a message got, and until when one may answer freely.
//!
//! [`parse`] turns one webhook body into flat [`Item`]s; SQL never walks Meta's JSON. It never
//! refuses a part: whatever is missing or odd becomes an item that can be kept.

mod body;
mod coexistence;
mod content;
mod context;
pub mod delivery;
mod error_table;
pub mod errors;
mod escapes;
mod fields;
pub mod item;
pub mod media;
mod message;
pub mod outgoing;
pub mod phone;
pub mod runs;
mod sender;
mod status;
pub mod template;
mod told;
pub mod unknown;
pub mod window;
mod wish;

pub use body::parse;
pub use delivery::{DeliveryState, ShownStatus, delivery_next, shown_status};
pub use item::{About, Item, What};
pub use outgoing::{check_outgoing, outgoing_words};
pub use phone::{dialled_phone, phone_variants};
pub use runs::{MAX_RUN, cut_runs};
pub use unknown::{UnknownOutcome, unknown_outcome};
pub use window::{window_after, window_allows};
pub use wish::Wish;

/// Why a webhook body could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes are no JSON text (or one nested deeper than 128 levels, or with a number beyond
    /// double precision; Meta sends neither).
    #[error("the body is not JSON: {0}")]
    NotJson(#[source] serde_json::Error),
}
