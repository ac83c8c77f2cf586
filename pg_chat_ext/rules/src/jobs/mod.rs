//! The queue: what kinds of job there are, and when to try one again.

mod kind;
pub mod retry;

pub use kind::JobKind;
