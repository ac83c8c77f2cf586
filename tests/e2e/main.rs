//! All processes at once: PostgreSQL, the real worker, the Graph simulator, the REST, Auth and Storage doubles.

mod arrive;
mod border;
mod browser;
mod check;
mod client;
mod corpus;
mod edge;
mod faults;
mod kinds;
mod leaks;
mod lost;
mod media;
mod media_out;
mod numbers;
mod project;
mod rest;
mod sealed_by_client;
mod send;
mod stage;
mod stop;
mod storage;
mod storage_client;
mod templates;
mod vectors;
mod visitor;
mod ways;
