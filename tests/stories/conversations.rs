//! What a conversation remembers of its messages, what its states allow, what is told of it, and how it is found and read.

mod counters;
mod events;
mod inbox;
mod lifecycle;
mod pages;
mod saved_views;
mod search;
mod times;
