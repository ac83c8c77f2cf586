//! Who a visitor is: the token of a session, the proof of an identity, the address a request came from.

mod address;
mod proof;
mod token;

pub use address::forwarded_address;
pub use proof::identity_proven;
pub use token::session_token;
