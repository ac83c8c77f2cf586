//! Many at once, at the size of tests; `cargo x race NAME` runs the same races longer.

mod capacity;
mod crash;
mod deliveries;
mod forgetting;
mod hands;
mod newcomers;
mod phone_app;
mod presence;
mod staffing;
mod storm;
mod talk;
mod waiting;
