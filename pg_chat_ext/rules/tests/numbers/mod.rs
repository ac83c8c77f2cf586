//! Chance that is the same on every run.

/// A generator of numbers (Knuth's MMIX constants).
pub struct Numbers(pub u64);

impl Numbers {
    /// A number from 0 up to but without `end`.
    pub fn below(&mut self, end: i64) -> i64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as i64 % end
    }
}
