//! What a conversation remembers of its messages, what its states allow, and what is told of it.

mod counters;
mod events;
mod lifecycle;
mod times;
