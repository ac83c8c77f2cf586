//! Who may do what, under both regimes of default privileges.

mod strangers;
