//! Meta's two throttles: messages a second per number (130429), and messages per
//! pair of number and recipient (131056).

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

/// Which throttles are on. Both are off by default, so that a load test measures the
/// worker and not Meta.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Messages within any second, per number: Meta's are 80, 1,000 and 20 (coexistence).
    pub per_second: Option<usize>,
    /// Messages from one number to one recipient.
    pub pair: Option<PairLimit>,
}

/// One message every `every_ms`; a burst is a loan that is paid back in silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PairLimit {
    /// Time that each message costs (Meta: 6,000 ms) and in which a burst must fit.
    pub every_ms: i64,
    /// Messages that one burst may have (Meta: 45).
    pub burst: u32,
}

impl PairLimit {
    /// What Meta documents: a message every six seconds, bursts up to 45, after which a
    /// burst of twenty costs two minutes.
    pub const META: Self = Self {
        every_ms: 6_000,
        burst: 45,
    };
}

/// What was sent so far, as far as the limits need it.
#[derive(Debug, Default)]
pub(super) struct Usage {
    numbers: BTreeMap<String, VecDeque<i64>>,
    pairs: BTreeMap<(String, String), Pair>,
}

#[derive(Debug, Default)]
struct Pair {
    burst_from: i64,
    in_burst: u32,
    free_at: i64,
}

impl Usage {
    /// Counts a message at `now` (milliseconds), or names the code that refuses it. A
    /// refused message costs nothing.
    pub(super) fn admit(
        &mut self,
        limits: Limits,
        number: &str,
        recipient: &str,
        now: i64,
    ) -> Result<(), u32> {
        if let Some(most) = limits.per_second {
            let sent = self.numbers.entry(number.to_owned()).or_default();
            while sent.front().is_some_and(|at| now - at >= 1_000) {
                sent.pop_front();
            }
            if sent.len() >= most {
                return Err(130_429);
            }
        }
        if let Some(limit) = limits.pair {
            let key = (number.to_owned(), recipient.to_owned());
            if !self.pairs.entry(key).or_default().admit(limit, now) {
                return Err(131_056);
            }
        }
        if limits.per_second.is_some() {
            self.numbers
                .entry(number.to_owned())
                .or_default()
                .push_back(now);
        }
        Ok(())
    }
}

impl Pair {
    fn admit(&mut self, limit: PairLimit, now: i64) -> bool {
        if now >= self.free_at {
            *self = Self {
                burst_from: now,
                in_burst: 1,
                free_at: now + limit.every_ms,
            };
            return true;
        }
        let in_burst = now < self.burst_from + limit.every_ms && self.in_burst < limit.burst;
        if in_burst {
            self.in_burst += 1;
            self.free_at += limit.every_ms;
        }
        in_burst
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_of_twenty_costs_two_minutes() {
        let mut usage = Usage::default();
        let limits = Limits {
            per_second: None,
            pair: Some(PairLimit::META),
        };
        for n in 0..20 {
            assert_eq!(usage.admit(limits, "1", "2", n * 10), Ok(()));
        }
        assert_eq!(usage.admit(limits, "1", "2", 6_000), Err(131_056));
        assert_eq!(usage.admit(limits, "1", "2", 119_999), Err(131_056));
        assert_eq!(usage.admit(limits, "1", "3", 119_999), Ok(()));
        assert_eq!(usage.admit(limits, "1", "2", 120_000), Ok(()));
    }

    #[test]
    fn a_number_has_a_sliding_second() {
        let mut usage = Usage::default();
        let limits = Limits {
            per_second: Some(2),
            pair: None,
        };
        assert_eq!(usage.admit(limits, "1", "2", 0), Ok(()));
        assert_eq!(usage.admit(limits, "1", "3", 500), Ok(()));
        assert_eq!(usage.admit(limits, "1", "4", 999), Err(130_429));
        assert_eq!(usage.admit(limits, "9", "4", 999), Ok(()));
        assert_eq!(usage.admit(limits, "1", "4", 1_000), Ok(()));
        assert_eq!(usage.admit(limits, "1", "5", 1_001), Err(130_429));
    }
}
