//! How often the queue is looked at though nobody called.

use std::time::Duration;
use tokio::time::Instant;

/// After something happened more is likely, so the pause is a part of the time since then.
const PART: u32 = 20;

/// The pause between two looks, from a shortest to a longest.
#[derive(Clone, Debug)]
pub struct Pace {
    least: Duration,
    most: Duration,
    stirred: Instant,
}

impl Pace {
    /// Always the same, where the database calls when there is work.
    pub fn steady(pause: Duration) -> Self {
        Self::adaptive(pause, pause)
    }

    /// Short after something happened, longer and longer while nothing does.
    pub fn adaptive(least: Duration, most: Duration) -> Self {
        Self {
            least: least.min(most),
            most,
            stirred: Instant::now(),
        }
    }

    /// Something happened.
    pub fn stir(&mut self, now: Instant) {
        self.stirred = now;
    }

    /// How long to wait now.
    pub fn pause(&self, now: Instant) -> Duration {
        let still = now.saturating_duration_since(self.stirred);
        (still / PART).clamp(self.least, self.most)
    }
}

#[cfg(test)]
mod tests {
    use super::Pace;
    use std::time::Duration;
    use tokio::time::Instant;

    #[test]
    fn it_is_quick_while_people_talk_and_slow_while_nobody_does() {
        let seconds = Duration::from_secs;
        let begin = Instant::now();
        let mut pace = Pace::adaptive(Duration::from_millis(500), seconds(5));
        pace.stir(begin);
        let after = |pace: &Pace, still| pace.pause(begin + still).as_millis();
        assert_eq!(after(&pace, seconds(1)), 500);
        assert_eq!(after(&pace, seconds(40)), 2_000);
        assert_eq!(after(&pace, seconds(3_600)), 5_000);
        pace.stir(begin + seconds(3_600));
        assert_eq!(after(&pace, seconds(3_601)), 500);
    }

    #[test]
    fn a_steady_pace_does_not_change() {
        let pace = Pace::steady(Duration::from_secs(5));
        for still in [0, 60, 3_600] {
            let now = Instant::now() + Duration::from_secs(still);
            assert_eq!(pace.pause(now), Duration::from_secs(5));
        }
    }
}
