//! What races have in common: how large they are and what chance they follow.

use rand::SeedableRng;
use rand::rngs::StdRng;

/// How a site can hand out its chats; every race of routing is run under each.
pub const STRATEGIES: [&str; 4] = ["least_busy", "round_robin", "sticky", "skills"];

/// How a race is run: short in the tests, long by `cargo x race`.
#[derive(Debug, Clone, Copy)]
pub struct Race {
    /// What every choice follows from. Who wins a lock does not; so a race is repeated alike, not equal.
    pub seed: u64,
    /// Many times the size.
    pub large: bool,
}

impl Race {
    /// As the tests run it.
    pub fn short() -> Self {
        Self {
            seed: 1,
            large: false,
        }
    }

    /// `small` in the tests, `large` when so asked for.
    pub fn size(&self, small: usize, large: usize) -> usize {
        if self.large { large } else { small }
    }

    /// The chance of one of several clients.
    pub fn chance(&self, client: usize) -> StdRng {
        StdRng::seed_from_u64(
            self.seed
                .wrapping_mul(1_000_003)
                .wrapping_add(client as u64),
        )
    }
}
