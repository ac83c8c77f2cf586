//! All processes at once: PostgreSQL, the real worker, the Graph simulator, the REST and Auth doubles.

mod arrive;
mod border;
mod check;
mod corpus;
mod faults;
mod lost;
mod rest;
mod send;
mod stage;
mod stop;
mod vectors;
mod visitor;
