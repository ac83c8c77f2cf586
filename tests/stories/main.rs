//! What people do and what then stands in the tables, told in SQL: no process but PostgreSQL takes part, so what a
//! worker or a client would do is done by the functions and statements they use.
//!
//! Each module is a room. A story begins with a [`scene::Scene`]; [`queue`] is what a worker does with it.

mod conversations;
mod crm;
mod jobs;
mod live;
mod queue;
mod routing;
mod scene;
mod sites;
mod team;
mod visitors;
mod whatsapp;
mod widget;
