//! Who may do what.
//!
//! - [`matrix`]: every table, view, sequence and function of the catalog is tried by every persona, under both regimes
//!   of default privileges, and must answer as `expected.toml` says. That file is the document of who may do what.
//! - [`attacks`]: what somebody with a valid token may try against another site or a colleague.
//! - [`without`]: each rule that an attack meets is taken away, and the attack must then be noticed; so no test here
//!   passes by itself.

mod attacks;
mod cells;
mod expected;
mod matrix;
mod objects;
mod observe;
mod personas;
mod without;
mod world;
