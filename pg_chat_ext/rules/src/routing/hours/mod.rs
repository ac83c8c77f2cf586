//! Business hours: when a site or a department is open.
//!
//! Hours are wall-clock times of a time zone. Which zones there are and when their clocks change comes from the
//! database inside this crate, the same for everybody who asks (`docs/decisions/time-zones.md`).
//!
//! A span belongs to the day it begins on, also where it ends after midnight. On the nights when clocks change it is
//! open whenever the clock on the wall says so: a time that is skipped is the moment of the change, and a time that
//! comes twice begins a span the first time and ends one the second.

mod clock;
mod form;
mod week;

pub use clock::{Opening, business_add, business_between, hours_at};
pub use form::{HoursProblem, HoursTrouble, hours_problems, hours_problems_json};
pub use week::Hours;

/// Why hours could not be used.
#[derive(Debug, thiserror::Error)]
pub enum HoursError {
    /// They are not in either form, or their time zone is unknown; [`hours_problems`] finds all of it.
    #[error("these hours cannot be used: {at}: {trouble}")]
    Bad {
        /// Where it is, as a path.
        at: String,
        /// What is wrong there.
        trouble: HoursTrouble,
    },
}
