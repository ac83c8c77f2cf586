//! What holds of business hours in every zone, on every day and for hours of any shape.

use chat_rules::Timestamp;
use chat_rules::routing::hours::{
    Opening, business_add, business_between, hours_at, hours_problems,
};
use jiff::SignedDuration;
use jiff::tz::TimeZoneDatabase;
use serde_json::{Value, json};

mod numbers;

use numbers::Numbers;

const ZONES: [&str; 8] = [
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Pacific/Chatham",
    "Australia/Lord_Howe",
    "Africa/Lusaka",
    // clocks that change at midnight, and twice around Ramadan
    "America/Havana",
    "Africa/Casablanca",
];
const DAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];
const SEED: u64 = 20_260_329;

impl Numbers {
    fn span(&mut self, from: i64, to: i64) -> Value {
        let start = from + self.below(to - from - 1);
        let end = start + 1 + self.below(to - start);
        let clock = |minutes: i64| match minutes % 1_440 {
            0 if minutes > 0 => "24:00".to_owned(),
            minutes => format!("{:02}:{:02}", minutes / 60, minutes % 60),
        };
        json!({"start": clock(start), "end": clock(end)})
    }

    /// Some days with a span in the morning, some with a second that may run over midnight; some holidays.
    fn hours(&mut self) -> String {
        let mut week = serde_json::Map::new();
        for day in DAYS {
            let mut spans = Vec::new();
            if self.below(3) > 0 {
                spans.push(self.span(0, 700));
            }
            if self.below(3) == 0 {
                spans.push(self.span(720, 1_440));
            } else if self.below(3) == 0 {
                spans.push(json!({"start": "22:30", "end": "03:15"}));
            }
            week.insert(day.to_owned(), json!(spans));
        }
        let holidays = [
            json!({"date": "2026-03-29"}),
            json!({"date": "02-29", "spans": [self.span(60, 1_000)]}),
            json!({"date": "2026-10-20", "until": "2026-10-27", "name": "Autumn"}),
        ];
        let kept = self.below(4) as usize;
        json!({"week": week, "holidays": holidays[..kept]}).to_string()
    }

    /// A moment of the years 2026 to 2028, in whole seconds.
    fn moment(&mut self) -> Timestamp {
        let second = 1_767_225_600 + self.below(3 * 365 * 86_400);
        Timestamp::from_second(second).expect("a time")
    }
}

/// Hours that open at some time, a zone, and a moment; many of each.
fn for_many(rounds: usize, mut holds: impl FnMut(&mut Numbers, &str, &str, Timestamp)) {
    let mut numbers = Numbers(SEED);
    for round in 0..rounds {
        let hours = numbers.hours();
        let zone = ZONES[round % ZONES.len()];
        let problems = hours_problems(&hours, zone);
        if problems.is_empty() {
            let at = numbers.moment();
            holds(&mut numbers, &hours, zone, at);
        } else {
            assert_eq!(problems[0].problem.word(), "never_open", "{hours}");
        }
    }
}

fn opening(hours: &str, zone: &str, at: Timestamp) -> Opening {
    hours_at(Some(hours), zone, at).expect("hours that can be used")
}

#[test]
fn time_added_is_the_time_between() {
    for_many(600, |numbers, hours, zone, start| {
        let seconds = numbers.below(200 * 3_600);
        let due = business_add(Some(hours), zone, start, seconds).expect("hours");
        let due = due.unwrap_or_else(|| panic!("{hours} in {zone} give {seconds} s"));
        let between = |ends| business_between(Some(hours), zone, start, ends).expect("hours");
        assert_eq!(
            between(due),
            Some(seconds),
            "{hours} in {zone} from {start}"
        );
        if seconds > 0 {
            let sooner = due - SignedDuration::from_secs(1);
            assert_eq!(between(sooner), Some(seconds - 1), "{due} is the earliest");
        }
    });
}

#[test]
fn time_in_two_steps_is_time_in_one() {
    for_many(300, |numbers, hours, zone, start| {
        let add = |start, seconds| {
            business_add(Some(hours), zone, start, seconds)
                .expect("hours")
                .expect("within ten years")
        };
        let (one, two) = (numbers.below(50_000), 1 + numbers.below(50_000));
        assert_eq!(
            add(add(start, one), two),
            add(start, one + two),
            "{hours} in {zone} from {start}"
        );
    });
}

#[test]
fn the_next_change_changes_and_nothing_does_before() {
    for_many(400, |numbers, hours, zone, at| {
        let now = opening(hours, zone, at);
        let change = now.next_change.expect("these hours open and close");
        assert!(change > at, "{hours} in {zone} at {at}");
        assert_eq!(
            opening(hours, zone, change).is_open,
            !now.is_open,
            "{hours} in {zone} at {at}"
        );
        let length = change.duration_since(at).as_secs().max(1);
        for _ in 0..5 {
            let before = at + SignedDuration::from_secs(numbers.below(length));
            let then = opening(hours, zone, before);
            assert_eq!(
                (then.is_open, then.next_change),
                (now.is_open, Some(change)),
                "{before}: {hours} in {zone} at {at}"
            );
        }
    });
}

#[test]
fn it_is_open_whenever_the_clock_on_the_wall_says_so() {
    let zones = TimeZoneDatabase::bundled();
    for name in ZONES {
        let zone = zones.get(name).expect("a zone");
        for (start, end) in [(150, 165), (60, 150), (105, 1_380), (0, 15)] {
            let span = json!({"start": format!("{:02}:{:02}", start / 60, start % 60),
                "end": format!("{:02}:{:02}", end / 60, end % 60)});
            let week: serde_json::Map<_, _> = DAYS
                .iter()
                .map(|day| ((*day).to_owned(), json!([span])))
                .collect();
            let hours = json!({"week": week}).to_string();
            // Around every change of 2026, minute by minute.
            let mut changes: Vec<_> = zone
                .following("2026-01-01T00:00:00Z".parse().expect("a time"))
                .map(|change| change.timestamp())
                .take_while(|at| at.as_second() < 1_798_761_600)
                .collect();
            changes.push("2026-06-01T00:00:00Z".parse().expect("a time"));
            for change in changes {
                for minute in -240..240 {
                    let at = change + SignedDuration::from_mins(minute);
                    let wall = zone.to_datetime(at);
                    let shows = i32::from(wall.hour()) * 60 + i32::from(wall.minute());
                    if (start..end).contains(&shows) {
                        assert!(
                            opening(&hours, name, at).is_open,
                            "{name} at {wall}: {span}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn every_piece_of_rubbish_is_a_problem_and_never_a_panic() {
    let mut numbers = Numbers(7);
    let scraps = [
        "null",
        "true",
        "-1",
        "1e300",
        "\"\"",
        "\"09:00\"",
        "\"é9:00\"",
        "\"2026-02-30\"",
        "[]",
        "{}",
        "[[]]",
        "{\"start\":\"23:59\",\"end\":\"00:00\"}",
        "[{\"start\":\"00:00\"}]",
        "[{\"date\":\"--\"}]",
        "{\"monday\":[null]}",
        "{\"enabled\":true,\"start\":[],\"end\":{}}",
    ];
    let keys = ["monday", "week", "holidays", "sunday", "", "enabled"];
    for _ in 0..5_000 {
        let mut scrap = || scraps[numbers.below(scraps.len() as i64) as usize];
        let (a, b, c) = (scrap(), scrap(), scrap());
        let mut key = || keys[numbers.below(keys.len() as i64) as usize];
        let hours = format!("{{\"{}\":{a},\"{}\":{b},\"{}\":{c}}}", key(), key(), key());
        let problems = hours_problems(&hours, "UTC");
        let at = Timestamp::UNIX_EPOCH;
        let usable = problems.iter().all(|p| p.problem.word() == "never_open");
        assert_eq!(hours_at(Some(&hours), "UTC", at).is_ok(), usable, "{hours}");
    }
}

#[test]
fn what_cannot_even_be_read_is_a_problem_like_others() {
    let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
    for hours in [deep.as_str(), "{"] {
        let problems = hours_problems(hours, "Europe/Atlantis");
        let found: Vec<_> = problems
            .iter()
            .map(|p| (&*p.at, p.problem.word()))
            .collect();
        assert_eq!(
            found,
            [
                ("timezone", "unknown_time_zone"),
                ("hours", "too_deep_or_too_large")
            ]
        );
        assert!(hours_at(Some(hours), "UTC", Timestamp::UNIX_EPOCH).is_err());
    }
    // Whether that is too large or no object depends on how serde_json is built beside others.
    let large = r#"{"monday": 1e400}"#;
    assert!(!hours_problems(large, "UTC").is_empty());
    assert!(hours_at(Some(large), "UTC", Timestamp::UNIX_EPOCH).is_err());
}

#[test]
fn the_ends_of_the_calendar_are_no_ends_of_the_rule() {
    let every = json!({"week": {"friday": [{"start": "00:00", "end": "24:00"}]}}).to_string();
    for zone in ZONES {
        for at in [Timestamp::MIN, Timestamp::MAX] {
            opening(&every, zone, at);
            business_add(Some(&every), zone, at, i64::MAX).expect("hours");
            business_between(Some(&every), zone, Timestamp::MIN, at).expect("hours");
            business_between(None, zone, at, Timestamp::MIN).expect("hours");
        }
    }
}
