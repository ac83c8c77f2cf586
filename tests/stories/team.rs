//! Agents and departments: who is there, what they did, how they are kept.

mod departments;
mod figures;
mod presence;
