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

pgrx::pg_module_magic!();
