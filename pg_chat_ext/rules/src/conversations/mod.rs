//! Conversations and their messages: what a message does to counters and preview, which states a
//! conversation may take, and where the next message of a person goes.

pub mod counters;
pub mod home;
pub mod kinds;
pub mod lifecycle;
pub mod preview;
pub mod revision;
pub mod sent_at;
pub mod variables;

pub use counters::{MessageEffect, Origin, SenderType, message_effect};
pub use home::{Home, next_home};
pub use kinds::{ContentType, Kind, content_type_of};
pub use lifecycle::{Refusal, Status, status_after_message, status_refusal};
pub use preview::preview_text;
pub use revision::{Revision, RevisionFacts, RevisionRefusal, revision_refusal};
pub use sent_at::sent_at_of;
pub use variables::{Filled, fill_variables, fill_variables_json};
