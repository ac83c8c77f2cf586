//! What Meta calls.

pub mod heard;
pub mod receive;
pub mod store;
pub mod verify;
