//! The Graph simulator as the worker meets it: over HTTP, with a small receiver in the
//! worker's place.

mod control;
mod corpus;
mod desk;
mod faults;
mod limits;
mod reads;
mod sends;
mod webhooks;
