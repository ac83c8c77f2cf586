//! How much happens in a second, as an average over the last minute.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

const WINDOW: Duration = Duration::from_secs(60);

/// Counts what happened in the last minute, second by second.
#[derive(Debug)]
pub(super) struct Rate {
    since: Instant,
    /// The second it was, counted from `since`, and how much happened in it.
    seconds: VecDeque<(u64, u64)>,
    sum: u64,
}

impl Rate {
    /// Nothing yet.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            since: now,
            seconds: VecDeque::new(),
            sum: 0,
        }
    }

    /// So much happened.
    pub(super) fn add(&mut self, now: Instant, count: u64) {
        let second = self.forget(now);
        self.sum += count;
        match self.seconds.back_mut() {
            Some((last, its)) if *last == second => *its += count,
            _ => self.seconds.push_back((second, count)),
        }
    }

    /// Whether more than `limit` a second happened.
    pub(super) fn exceeds(&mut self, now: Instant, limit: u64) -> bool {
        self.forget(now);
        self.sum > limit.saturating_mul(WINDOW.as_secs())
    }

    fn forget(&mut self, now: Instant) -> u64 {
        let second = now.saturating_duration_since(self.since).as_secs();
        while let Some((then, count)) = self.seconds.front().copied()
            && then + WINDOW.as_secs() <= second
        {
            self.sum -= count;
            self.seconds.pop_front();
        }
        second
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_an_average_over_the_last_minute() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut rate = Rate::new(start);
        rate.add(at(0), 60);
        assert!(!rate.exceeds(at(0), 1), "60 in a minute are one a second");
        rate.add(at(30), 1);
        assert!(rate.exceeds(at(59), 1));
        assert!(!rate.exceeds(at(60), 1), "the first 60 are forgotten");
    }
}
