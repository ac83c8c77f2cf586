//! The worker seen from outside: its HTTP door, and what it makes of a Graph that behaves badly.

mod door;
mod fakes;
mod fuzzed;
mod graph;
