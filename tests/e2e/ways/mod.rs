//! The worker's two ways to the database, a connection and HTTPS (feature `edge`): the same calls, the same answers, and
//! nothing lost or doubled when the way breaks.

pub mod desk;
pub mod line;
mod outages;
mod same_answers;
mod work;
