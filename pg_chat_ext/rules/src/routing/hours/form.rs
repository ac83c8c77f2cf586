//! Hours as they are saved, in either form, and what can be wrong with them.
//!
//! LC-01's: `{"monday": {"enabled": true, "start": "09:00", "end": "17:00"}, …}`. The longer one:
//! `{"week": {"monday": [{"start": "09:00", "end": "12:00"}, …], …}, "holidays": [{"date": "2026-12-24" or "12-24",
//! "until": "2026-12-31", "name": "…", "spans": [{"start", "end"}]}]}`. A day that is not named is closed, and so is a
//! holiday without spans. A span that ends no later than it starts ends on the next day; `24:00` is a day's end.

use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::Serialize;
use serde_json::{Map, Value};

use super::HoursError;
use super::week::{DAY, Holiday, Hours, Span, When};

const DAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];
/// More spans a day than anybody keeps apart.
const MOST_SPANS: usize = 24;
/// Ten years of holidays in several countries.
const MOST_HOLIDAYS: usize = 1_000;
const LONGEST_NAME: usize = 200;

words! {
    /// What is wrong with a part of the hours.
    pub enum HoursTrouble {
        /// The time zone is none of the IANA database's.
        UnknownTimeZone = "unknown_time_zone",
        /// It cannot even be read: nested deeper than anybody means, or with a number beyond all.
        TooDeepOrLarge = "too_deep_or_too_large",
        /// It is not a JSON object.
        NotAnObject = "not_an_object",
        /// It is not a list.
        NotAList = "not_a_list",
        /// It is not a text of up to 200 characters.
        NotAName = "not_a_name",
        /// Nothing of this name belongs there.
        UnknownWord = "unknown_word",
        /// `enabled` is neither true nor false.
        NotTrueOrFalse = "not_true_or_false",
        /// The day is enabled, but its start or end is missing.
        EnabledWithoutTimes = "enabled_without_times",
        /// It is not a time such as 09:00, nor 24:00 at an end.
        NotATime = "not_a_time",
        /// A span that ends where it starts: nothing, or the whole day?
        EndsWhereItStarts = "ends_where_it_starts",
        /// Two spans of a day share time.
        SpansOverlap = "spans_overlap",
        /// It is not a date such as 2026-12-24, nor 12-24 for every year.
        NotADate = "not_a_date",
        /// It ends before it begins, or is of every year and of a range.
        NotARange = "not_a_range",
        /// The same date stands there before.
        DateTwice = "date_twice",
        /// More entries than anybody could mean.
        TooMany = "too_many",
        /// No day and no holiday has a span.
        NeverOpen = "never_open",
    }
}

/// Something wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HoursProblem {
    /// A path such as `monday.start`, `holidays[2].date` or `timezone`; `hours` for all of it.
    pub at: String,
    /// What is wrong there.
    pub problem: HoursTrouble,
}

/// Everything that is wrong with hours, a JSON text, and their time zone, in the order of days.
pub fn hours_problems(hours: &str, zone: &str) -> Vec<HoursProblem> {
    parse(hours, zone).1
}

/// The same as the JSON text of a list of `{at, problem}`.
pub fn hours_problems_json(hours: &str, zone: &str) -> String {
    serde_json::to_string(&hours_problems(hours, zone)).expect("words and paths are always JSON")
}

impl Hours {
    /// Reads hours in either form; none that never open are refused.
    pub(super) fn read(hours: &str, zone: &str) -> Result<Self, HoursError> {
        let (hours, problems) = parse(hours, zone);
        let bad = |p: &HoursProblem| p.problem != HoursTrouble::NeverOpen;
        match problems.into_iter().find(bad) {
            Some(HoursProblem { at, problem }) => Err(HoursError::Bad {
                at,
                trouble: problem,
            }),
            None => Ok(hours),
        }
    }
}

fn parse(hours: &str, zone: &str) -> (Hours, Vec<HoursProblem>) {
    let mut reader = Reader::default();
    let zone = TimeZoneDatabase::bundled().get(zone).unwrap_or_else(|_| {
        reader.wrong("timezone", HoursTrouble::UnknownTimeZone);
        TimeZone::UTC
    });
    let (week, holidays) = match serde_json::from_str(hours) {
        Ok(value) => reader.hours(&value),
        Err(_) => {
            reader.wrong("hours", HoursTrouble::TooDeepOrLarge);
            Default::default()
        }
    };
    let hours = Hours {
        zone,
        week,
        holidays,
    };
    if reader.problems.is_empty() && !hours.ever_opens() {
        reader.wrong("hours", HoursTrouble::NeverOpen);
    }
    (hours, reader.problems)
}

/// Reads on after something wrong, so that all of it is told at once.
#[derive(Default)]
struct Reader {
    problems: Vec<HoursProblem>,
}

type Week = [Vec<Span>; 7];

impl Reader {
    fn wrong(&mut self, at: impl Into<String>, problem: HoursTrouble) {
        self.problems.push(HoursProblem {
            at: at.into(),
            problem,
        });
    }

    fn object<'a>(
        &mut self,
        value: &'a Value,
        at: &str,
        known: &[&str],
    ) -> Option<&'a Map<String, Value>> {
        let Some(object) = value.as_object() else {
            self.wrong(at, HoursTrouble::NotAnObject);
            return None;
        };
        for word in object.keys().filter(|key| !known.contains(&key.as_str())) {
            let place = if at == "hours" {
                word.clone()
            } else {
                format!("{at}.{word}")
            };
            self.wrong(place, HoursTrouble::UnknownWord);
        }
        Some(object)
    }

    fn list<'a>(&mut self, value: &'a Value, at: &str, most: usize) -> &'a [Value] {
        match value.as_array() {
            Some(list) if list.len() > most => self.wrong(at, HoursTrouble::TooMany),
            Some(list) => return list,
            None if value.is_null() => {}
            None => self.wrong(at, HoursTrouble::NotAList),
        }
        &[]
    }

    fn hours(&mut self, value: &Value) -> (Week, Vec<Holiday>) {
        let mut week = Week::default();
        if value.get("week").is_none() && value.get("holidays").is_none() {
            if let Some(days) = self.object(value, "hours", &DAYS) {
                for (spans, day) in week.iter_mut().zip(DAYS) {
                    spans.extend(days.get(day).and_then(|value| self.short_day(value, day)));
                }
            }
            return (week, Vec::new());
        }
        self.object(value, "hours", &["week", "holidays"]);
        if let Some(days) = value
            .get("week")
            .and_then(|days| self.object(days, "week", &DAYS))
        {
            for (spans, day) in week.iter_mut().zip(DAYS) {
                if let Some(value) = days.get(day) {
                    *spans = self.spans(value, &format!("week.{day}"));
                }
            }
        }
        let holidays = self.list(&value["holidays"], "holidays", MOST_HOLIDAYS);
        (week, self.holidays(holidays))
    }

    /// A day of LC-01's form; null is as good as absent.
    fn short_day(&mut self, value: &Value, day: &str) -> Option<Span> {
        if value.is_null() {
            return None;
        }
        let fields = self.object(value, day, &["enabled", "start", "end"])?;
        let enabled = match fields.get("enabled") {
            Some(Value::Bool(enabled)) => *enabled,
            None | Some(Value::Null) => false,
            Some(_) => {
                self.wrong(format!("{day}.enabled"), HoursTrouble::NotTrueOrFalse);
                return None;
            }
        };
        if !enabled {
            return None;
        }
        let missing = |name: &str| match fields.get(name) {
            None | Some(Value::Null) => true,
            Some(value) => value.as_str() == Some(""),
        };
        if missing("start") || missing("end") {
            self.wrong(day, HoursTrouble::EnabledWithoutTimes);
            return None;
        }
        self.span(fields, day)
    }

    fn spans(&mut self, value: &Value, at: &str) -> Vec<Span> {
        let mut spans = Vec::new();
        for (n, span) in self.list(value, at, MOST_SPANS).iter().enumerate() {
            let at = format!("{at}[{n}]");
            if let Some(fields) = self.object(span, &at, &["start", "end"]) {
                spans.extend(self.span(fields, &at));
            }
        }
        spans.sort();
        if spans.windows(2).any(|two| two[1].start < two[0].end) {
            self.wrong(at, HoursTrouble::SpansOverlap);
        }
        spans
    }

    fn span(&mut self, fields: &Map<String, Value>, at: &str) -> Option<Span> {
        let mut minutes = |name: &str, latest: i16| {
            let minutes = fields.get(name).and_then(Value::as_str).and_then(minutes);
            let minutes = minutes.filter(|minutes| *minutes <= latest);
            if minutes.is_none() {
                self.wrong(format!("{at}.{name}"), HoursTrouble::NotATime);
            }
            minutes
        };
        let (start, end) = (minutes("start", DAY - 1), minutes("end", DAY));
        let (start, end) = (start?, end?);
        if start == end {
            self.wrong(at, HoursTrouble::EndsWhereItStarts);
            return None;
        }
        let end = if end < start { end + DAY } else { end };
        Some(Span { start, end })
    }

    fn holidays(&mut self, list: &[Value]) -> Vec<Holiday> {
        let mut holidays: Vec<Holiday> = Vec::new();
        for (n, value) in list.iter().enumerate() {
            let at = format!("holidays[{n}]");
            let Some(holiday) = self.holiday(value, &at) else {
                continue;
            };
            if holidays.iter().any(|earlier| earlier.when == holiday.when) {
                self.wrong(format!("{at}.date"), HoursTrouble::DateTwice);
            }
            holidays.push(holiday);
        }
        holidays
    }

    fn holiday(&mut self, value: &Value, at: &str) -> Option<Holiday> {
        self.object(value, at, &["date", "until", "name", "spans"])?;
        let when = self.when(value, at);
        let name = match &value["name"] {
            Value::Null => None,
            Value::String(name) if name.chars().count() <= LONGEST_NAME => Some(name.clone()),
            _ => {
                self.wrong(format!("{at}.name"), HoursTrouble::NotAName);
                None
            }
        };
        let spans = self.spans(&value["spans"], &format!("{at}.spans"));
        Some(Holiday {
            when: when?,
            name,
            spans,
        })
    }

    fn when(&mut self, value: &Value, at: &str) -> Option<When> {
        let Some(first) = value["date"].as_str().and_then(when) else {
            self.wrong(format!("{at}.date"), HoursTrouble::NotADate);
            return None;
        };
        if value["until"].is_null() {
            return Some(first);
        }
        let place = format!("{at}.until");
        match (first, value["until"].as_str().and_then(when)) {
            (_, None) => self.wrong(place, HoursTrouble::NotADate),
            (When::Dates(first, _), Some(When::Dates(last, _))) if first <= last => {
                return Some(When::Dates(first, last));
            }
            _ => self.wrong(place, HoursTrouble::NotARange),
        }
        None
    }
}

/// `09:00` as minutes; `24:00` is one too.
fn minutes(text: &str) -> Option<i16> {
    let (hours, minutes) = (number(text.get(..2)?)?, number(text.get(3..)?)?);
    let in_day = hours < 24 && minutes < 60 || (hours, minutes) == (24, 0);
    (text.len() == 5 && text.as_bytes()[2] == b':' && in_day)
        .then_some(i16::from(hours) * 60 + i16::from(minutes))
}

/// `2026-12-24`, or `12-24` of every year.
fn when(text: &str) -> Option<When> {
    if text.len() == 10 {
        let date = Date::from_str(text).ok()?;
        return Some(When::Dates(date, date));
    }
    let (month, day) = text.split_once('-').filter(|_| text.len() == 5)?;
    // Any year with a 29th of February says whether there is such a day.
    let date = Date::new(2024, number(month)?, number(day)?).ok()?;
    Some(When::Yearly(date.month(), date.day()))
}

fn number(digits: &str) -> Option<i8> {
    (digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit()))
        .then(|| digits.parse().ok())
        .flatten()
}
