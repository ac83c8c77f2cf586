//! Hours after they were read, and the time they are open as moments.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Span as Period, Timestamp};

/// How far ahead anybody looks: a little more than ten years, so that a yearly holiday on a leap day comes by.
const HORIZON_DAYS: i64 = 3_660;

/// A day's minutes.
pub(super) const DAY: i16 = 24 * 60;

/// Opening hours of a week, and the days that are otherwise.
#[derive(Debug, Clone)]
pub struct Hours {
    pub(super) zone: TimeZone,
    /// Monday first; each day's spans in order, apart from each other.
    pub(super) week: [Vec<Span>; 7],
    /// The first that is of a date says how that date is.
    pub(super) holidays: Vec<Holiday>,
}

/// From `start` up to but without `end`, in minutes since the day began. `end` is greater, and up to a day more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Span {
    pub(super) start: i16,
    pub(super) end: i16,
}

/// A date, or several, with spans of its own or none.
#[derive(Debug, Clone)]
pub(super) struct Holiday {
    pub(super) when: When,
    pub(super) name: Option<String>,
    pub(super) spans: Vec<Span>,
}

/// Which dates a holiday is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// From a date to a date, both included.
    Dates(Date, Date),
    /// Every year on this month and day; the 29th of February only where there is one.
    Yearly(i8, i8),
}

impl When {
    fn includes(self, date: Date) -> bool {
        match self {
            Self::Dates(first, last) => (first..=last).contains(&date),
            Self::Yearly(month, day) => (month, day) == (date.month(), date.day()),
        }
    }
}

/// Which end of a span a moment is.
#[derive(Clone, Copy)]
enum Edge {
    Begins,
    Ends,
}

impl Hours {
    /// The holiday a moment's date is, if it is one.
    pub(super) fn holiday_at(&self, at: Timestamp) -> Option<&Holiday> {
        self.holiday_on(self.zone.to_datetime(at).date())
    }

    fn holiday_on(&self, date: Date) -> Option<&Holiday> {
        self.holidays
            .iter()
            .find(|holiday| holiday.when.includes(date))
    }

    fn spans_on(&self, date: Date) -> &[Span] {
        let weekday = usize::from(date.weekday().to_monday_zero_offset().unsigned_abs());
        self.holiday_on(date)
            .map_or(&self.week[weekday], |holiday| &holiday.spans)
    }

    /// The time it is open from a moment on, in pieces that are in order, apart from each other or touching, up to
    /// [`HORIZON_DAYS`] ahead.
    pub(super) fn open_from(&self, at: Timestamp) -> impl Iterator<Item = (Timestamp, Timestamp)> {
        let today = self.zone.to_datetime(at).date();
        // Yesterday's last span may end today.
        let first = today.yesterday().unwrap_or(today);
        let days = std::iter::successors(Some(first), |day| day.tomorrow().ok())
            .take_while(move |day| days_between(today, *day) <= HORIZON_DAYS);
        let mut reached = at;
        days.flat_map(|day| self.spans_on(day).iter().map(move |span| (day, *span)))
            .map_while(|(day, span)| {
                let begins = self.moment(day, span.start, Edge::Begins)?;
                Some((begins, self.moment(day, span.end, Edge::Ends)?))
            })
            .filter_map(move |(begins, ends)| {
                let begins = begins.max(reached);
                reached = reached.max(ends);
                (begins < ends).then_some((begins, ends))
            })
    }

    /// The moment of a wall-clock time; none beyond the calendar.
    fn moment(&self, day: Date, minutes: i16, edge: Edge) -> Option<Timestamp> {
        let day = if minutes < DAY {
            day
        } else {
            day.tomorrow().ok()?
        };
        let wall = DateTime::from_parts(day, Time::midnight())
            .checked_add(Period::new().minutes(minutes % DAY))
            .ok()?;
        let ambiguous = self.zone.to_ambiguous_timestamp(wall);
        match (ambiguous.offset(), edge) {
            (AmbiguousOffset::Unambiguous { offset }, _) => offset.to_timestamp(wall).ok(),
            (AmbiguousOffset::Fold { before, .. }, Edge::Begins) => before.to_timestamp(wall).ok(),
            (AmbiguousOffset::Fold { after, .. }, Edge::Ends) => after.to_timestamp(wall).ok(),
            // Read with the new offset a skipped time lies before the change, so the change is what follows.
            (AmbiguousOffset::Gap { after, .. }, _) => {
                let before = after.to_timestamp(wall).ok()?;
                self.zone
                    .following(before)
                    .next()
                    .map(|change| change.timestamp())
            }
        }
    }

    /// Whether [`HORIZON_DAYS`] end before a moment that is asked about from another.
    pub(super) fn beyond_horizon(&self, from: Timestamp, at: Timestamp) -> bool {
        let date = |moment| self.zone.to_datetime(moment).date();
        days_between(date(from), date(at)) > HORIZON_DAYS
    }

    /// Whether a piece that ends at a moment ends only because nobody looks further.
    pub(super) fn open_past(&self, from: Timestamp, ends: Timestamp) -> bool {
        self.zone
            .to_datetime(ends)
            .date()
            .tomorrow()
            .is_ok_and(|day| days_between(self.zone.to_datetime(from).date(), day) > HORIZON_DAYS)
    }

    /// Whether there is anything to wait for.
    pub(super) fn ever_opens(&self) -> bool {
        let of_holidays = self.holidays.iter().map(|holiday| &holiday.spans);
        self.week.iter().chain(of_holidays).any(|s| !s.is_empty())
    }
}

fn days_between(from: Date, to: Date) -> i64 {
    i64::from((to - from).get_days())
}
