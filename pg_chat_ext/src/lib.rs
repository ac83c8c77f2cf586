//! Shows the rules of `chat_rules` to SQL.
//!
//! Only glue: a function here turns arguments of Postgres into those of a rule and its answer back.
//! No tables, no queries, no I/O. The SQL side is written by hand in `sql/`, so `sql = false`.

mod conversations;
mod refuse;
mod routing;
mod times;
mod visitors;
mod whatsapp;
mod widget;

use pgrx::prelude::*;

pgrx::pg_module_magic!();

/// The release this library was built from: what a migration and a worker hold against their own.
#[pg_extern(sql = false)]
fn library_version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}
