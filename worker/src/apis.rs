//! Services outside, one file each.

pub mod graph;
pub mod storage;
