//! Every decision of pg_chat as a pure function of facts and a clock handed in.
//!
//! Nothing here reads a clock, draws a random number, looks at the environment or does I/O, so a
//! decision can be replayed, explained and simulated. The extension `pg_chat_ext` shows these
//! functions to SQL and the worker calls the same ones. Each module is a room of the product.
//!
//! Words that come from a table or from Meta are read leniently: a word nobody knows gives the safe
//! answer that the function's comment names, never a panic.

#[macro_use]
mod words;

pub mod conversations;
pub mod jobs;
pub mod routing;
pub mod visitors;
pub mod whatsapp;
pub mod widget;

pub use conversations::{counters, lifecycle};
pub use jobs::retry;

/// The time that every rule takes and gives.
pub use jiff::Timestamp;
