//! Who a visitor is: the token of a session, the proof of an identity, the address a request came from, and what browser
//! and proxy tell of them.

mod address;
mod place;
mod proof;
mod token;
mod user_agent;

pub use address::forwarded_address;
pub use place::{Place, place_of};
pub use proof::identity_proven;
pub use token::session_token;
pub use user_agent::{Device, UserAgent, user_agent_of};
