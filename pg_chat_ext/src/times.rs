//! Times on their way between Postgres and the rules.

use chat_rules::Timestamp;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys;

/// Microseconds from 1970, where the rules count from, to 2000, where Postgres does.
const EPOCH_MICROS: i64 = 946_684_800_000_000;

/// A time of Postgres. What the rules' calendar cannot hold (its end is the year 9999, and infinity)
/// becomes its first or last moment.
pub(crate) fn from_postgres(time: TimestampWithTimeZone) -> Timestamp {
    let micros = pg_sys::TimestampTz::from(time).saturating_add(EPOCH_MICROS);
    let end = if micros < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    };
    Timestamp::from_microsecond(micros).unwrap_or(end)
}

/// A time of the rules; the first and last moment of their calendar, and what Postgres' own cannot
/// hold, become infinity.
pub(crate) fn to_postgres(time: Timestamp) -> TimestampWithTimeZone {
    let micros = time.as_microsecond() - EPOCH_MICROS;
    if time == Timestamp::MAX {
        return TimestampWithTimeZone::positive_infinity();
    }
    TimestampWithTimeZone::try_from(micros)
        .unwrap_or_else(|_| TimestampWithTimeZone::negative_infinity())
}
