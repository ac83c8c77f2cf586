//! Does this machine's clock agree with another one? Windows and leases are reckoned in hours and seconds.

use super::{Mark, Report};
use jiff::Timestamp;

/// Most seconds that two clocks may differ.
const APART_S: i64 = 60;

/// Compares with a clock that was read just now.
pub(super) fn check(report: &mut Report, whose: &str, theirs: Option<Timestamp>) {
    let what = format!("clock against {whose}");
    let Some(theirs) = theirs else {
        return report.add(Mark::Unknown, what, "it gave no time that can be read");
    };
    let apart = Timestamp::now().as_second().abs_diff(theirs.as_second());
    if apart <= APART_S.unsigned_abs() {
        report.add(Mark::Ok, what, format!("{apart} s apart"));
    } else {
        report.add(
            Mark::Wrong,
            what,
            format!("{apart} s apart; let NTP set this machine's clock"),
        );
    }
}

/// Reads the `Date` header of an HTTP answer.
pub(super) fn of_http(date: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new()
        .parse_timestamp(date)
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::ToSpan;

    #[test]
    fn a_minute_apart_is_too_much() {
        let mut report = Report::default();
        for seconds in [0, 55, -55, 65, -65] {
            check(
                &mut report,
                "another",
                Timestamp::now().checked_add(seconds.seconds()).ok(),
            );
        }
        let marks: Vec<_> = report.findings().iter().map(|one| one.mark).collect();
        assert_eq!(
            marks,
            [Mark::Ok, Mark::Ok, Mark::Ok, Mark::Wrong, Mark::Wrong]
        );
    }

    #[test]
    fn a_date_header_is_read() {
        let at = of_http("Fri, 20 Nov 2026 08:00:00 GMT").unwrap();
        assert_eq!(at.to_string(), "2026-11-20T08:00:00Z");
        assert_eq!(of_http("yesterday"), None);
    }
}
