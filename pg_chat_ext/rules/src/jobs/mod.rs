//! The queue: what kinds of job there are, what goes first, and when to try again.

pub mod class;
pub mod retry;

pub use class::{Class, class_of};
