//! What Meta calls.

pub mod receive;
pub mod store;
pub mod verify;
