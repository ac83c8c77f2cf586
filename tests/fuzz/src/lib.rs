//! What strangers can send to the worker, at random: the bytes of a webhook, its signature, the phone numbers in it.
//!
//! The worker's two files are taken as they are, so that a fuzzer is not built with all that a worker needs.

#[allow(dead_code)]
#[path = "../../../worker/src/secret.rs"]
mod secret;
#[allow(dead_code)]
#[path = "../../../worker/src/webhooks/verify.rs"]
mod verify;

pub mod targets;
