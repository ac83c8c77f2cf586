//! Who may do what.
//!
//! - [`matrix`]: every table, view, sequence and function of the catalog is tried by every persona, under both regimes
//!   of default privileges, and must answer as `expected.toml` says. That file is the document of who may do what.
//! - `calls.toml` says the same of what a call of each public function gives whom.
//! - [`attacks`]: what somebody with a valid token may try against another site or a colleague.
//! - [`without`]: each rule that an attack meets is taken away, and the attack must then be noticed; so no test here
//!   passes by itself.
//! - [`mutate`]: every rule of the catalog is taken away in turn, and one of the tests above must notice.

mod attacks;
mod calls;
mod cells;
mod differences;
mod expected;
mod matrix;
mod mutate;
mod objects;
mod observe;
mod personas;
mod questions;
mod without;
mod world;
