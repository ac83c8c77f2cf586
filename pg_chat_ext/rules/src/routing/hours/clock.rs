//! What the hours say of a moment, and time counted while they are open.

use jiff::{SignedDuration, Timestamp};

use super::{Hours, HoursError};

/// How it is at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// Whether it is open.
    pub is_open: bool,
    /// When that is otherwise next; none where it stays so for the ten years that are looked ahead.
    pub next_change: Option<Timestamp>,
    /// The name of the holiday that the date is, if it has one.
    pub holiday: Option<String>,
}

/// How it is at a moment. Without hours it is always open.
///
/// # Errors
/// [`HoursError`] where the hours or the time zone cannot be read.
pub fn hours_at(hours: Option<&str>, zone: &str, at: Timestamp) -> Result<Opening, HoursError> {
    let Some(hours) = hours else {
        return Ok(Opening {
            is_open: true,
            next_change: None,
            holiday: None,
        });
    };
    let hours = Hours::read(hours, zone)?;
    let mut pieces = hours.open_from(at);
    let (is_open, next_change) = match pieces.next() {
        None => (false, None),
        Some((begins, _)) if begins > at => (false, Some(begins)),
        Some((_, mut ends)) => (
            true,
            loop {
                match pieces.next() {
                    Some((begins, later)) if begins == ends => ends = later,
                    Some(_) => break Some(ends),
                    // Open to the horizon is open always; a last piece before it does end.
                    None => break (!hours.open_past(at, ends)).then_some(ends),
                }
            },
        ),
    };
    Ok(Opening {
        is_open,
        next_change,
        holiday: hours.holiday_at(at).and_then(|h| h.name.clone()),
    })
}

/// The earliest moment by which it was open for so many seconds since `start`. Without hours every second counts.
/// None where the hours do not give so much within ten years. Nothing to add, or less, is `start` itself.
///
/// # Errors
/// [`HoursError`] where the hours or the time zone cannot be read.
pub fn business_add(
    hours: Option<&str>,
    zone: &str,
    start: Timestamp,
    seconds: i64,
) -> Result<Option<Timestamp>, HoursError> {
    let mut left = SignedDuration::from_secs(seconds.max(0));
    let Some(hours) = hours else {
        return Ok(start.checked_add(left).ok());
    };
    let hours = Hours::read(hours, zone)?;
    if left.is_zero() {
        return Ok(Some(start));
    }
    for (begins, ends) in hours.open_from(start) {
        let piece = ends.duration_since(begins);
        if left <= piece {
            return Ok(begins.checked_add(left).ok());
        }
        left -= piece;
    }
    Ok(None)
}

/// For how many seconds it is open from `begins` until `ends`; 0 where that is no later. Without hours every second
/// counts. None for more than ten years.
///
/// # Errors
/// [`HoursError`] where the hours or the time zone cannot be read.
pub fn business_between(
    hours: Option<&str>,
    zone: &str,
    begins: Timestamp,
    ends: Timestamp,
) -> Result<Option<i64>, HoursError> {
    let Some(hours) = hours else {
        return Ok(Some(ends.duration_since(begins).as_secs().max(0)));
    };
    let hours = Hours::read(hours, zone)?;
    if hours.beyond_horizon(begins, ends) {
        return Ok(None);
    }
    let open: SignedDuration = hours
        .open_from(begins)
        .take_while(|(opens, _)| *opens < ends)
        .map(|(opens, closes)| closes.min(ends).duration_since(opens))
        .sum();
    Ok(Some(open.as_secs()))
}
