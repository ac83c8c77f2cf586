//! The Graph simulator: a double of the part of Meta's Graph API that a WhatsApp
//! Business account uses, so that the whole path runs without Meta.
//!
//! It answers `POST /{version}/{phone_number_id}/messages` and the few reads the
//! worker does, plays the phones on the other side, and reports to the worker's
//! webhook as Meta does: signed over the exact bytes, concurrent, repeated until
//! it hears 200, in no promised order. What Meta does by accident (a lost answer,
//! a late status, a doubled delivery) it does on demand; see [`Fault`] and
//! [`Delivery`]. Everything lives in memory and follows from [`Config::seed`].
//!
//! Left out: managing templates and flows, groups beyond sending to one, calls. Nothing here is Meta's code; shapes follow Meta's
//! documentation and its published OpenAPI.
//!
//! A test holds a [`Handle`] and calls [`Simulator`] directly; other processes do the
//! same over HTTP under `/control` (one route a method; `control.rs` lists them), and people
//! look at `/phones`.

mod accept;
mod cloud_errors;
mod config;
mod content;
mod control;
mod deliver;
mod delivery;
mod error_reference;
mod faults;
mod inbound;
mod interactive;
mod limits;
mod line;
mod media;
mod nodes;
mod page;
mod phones;
mod send;
mod server;
mod sign;
mod simulator;
mod statuses;
mod template;
mod templates;
mod tokens;
mod validate;
mod wamid;
mod webhook;

pub use cloud_errors::Refusal;
pub use config::{App, Config, Number, Secret, Template, TemplateStatus, Token};
pub use delivery::{Deliveries, Delivery, Order, Posts, Record, Redelivery};
pub use faults::{Call, Fault, Instant, Misbehaviour};
pub use inbound::{Image, Said, Say};
pub use limits::{Limits, PairLimit};
pub use media::Media;
pub use phones::{Author, Bubble, Habits, PhoneView};
pub use server::Handle;
pub use sign::{signature, wire};
pub use simulator::Simulator;
pub use statuses::Status;

/// Why the simulator could not do what its owner asked of it. What it refuses the
/// *worker* is a [`Refusal`] in Meta's words instead.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is taken or not ours.
    #[error("the Graph simulator cannot listen on {address}")]
    Listen {
        /// Where it was to listen.
        address: std::net::SocketAddr,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The client that posts webhooks could not be made.
    #[error("the client for webhooks could not be made")]
    Client(#[source] reqwest::Error),
    /// The accept loop ended with an error.
    #[error("the Graph simulator stopped serving")]
    Serve(#[source] std::io::Error),
    /// A task of the simulator panicked.
    #[error("a task of the Graph simulator panicked")]
    Panicked(#[from] tokio::task::JoinError),
    /// Something named in a request does not exist here.
    #[error("there is no {what} {name}")]
    Unknown {
        /// number, app, phone, message …
        what: &'static str,
        /// The name that was asked for.
        name: String,
    },
    /// A request that makes no sense.
    #[error("{0}")]
    Invalid(String),
}
