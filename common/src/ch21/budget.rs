//! A budget: a number that events use up, and that time and useful work fill again. A plain
//! counter would end each connection that lives long enough.

use std::time::{Duration, Instant};

/// In how many parts one event is counted, so that a part of one can be earned.
const PARTS: u64 = 1024;

/// Microseconds of a second.
const MICROS: u64 = 1_000_000;

/// How often something may happen over one connection.
#[derive(Debug, PartialEq, Eq)]
pub struct FloodLimit {
    /// What there is too much of, for the log and for the client.
    pub problem: &'static str,
    /// How often it may happen at once.
    pub at_once: u32,
    /// How often it may happen each second for ever.
    pub each_second: u32,
    /// How much of it a hundred answers allow besides.
    pub for_hundred_answers: u32,
    /// How much of it each KiB that the client takes allows besides.
    pub for_kib: u32,
}

/// How much of a limit is left.
///
/// ```
/// use std::time::{Duration, Instant};
/// use common::{Budget, FloodLimit};
///
/// static LIMIT: FloodLimit = FloodLimit {
///     problem: "there are too many events",
///     at_once: 2,
///     each_second: 1,
///     for_hundred_answers: 0,
///     for_kib: 0,
/// };
/// let now = Instant::now();
/// let mut budget = Budget::new(&LIMIT, now);
/// assert!(budget.spend(2, now));
/// assert!(!budget.spend(1, now));
/// assert!(budget.spend(1, now + Duration::from_secs(1)));
/// ```
#[derive(Debug)]
pub struct Budget {
    limit: &'static FloodLimit,
    /// In parts of an event.
    left: u64,
    /// Until when time has filled it.
    filled: Instant,
}

impl Budget {
    /// A budget of which nothing has been used.
    pub fn new(limit: &'static FloodLimit, now: Instant) -> Self {
        Self {
            limit,
            left: most(limit),
            filled: now,
        }
    }

    /// What is said when it is used up.
    pub fn problem(&self) -> &'static str {
        self.limit.problem
    }

    /// Takes so many events out of the budget. `false` if there is not so much left.
    pub fn spend(&mut self, events: u64, now: Instant) -> bool {
        self.fill_by_time(now);
        match self.left.checked_sub(events * PARTS) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }

    /// A request was answered.
    pub fn note_answer(&mut self) {
        self.add(u64::from(self.limit.for_hundred_answers) * PARTS / 100);
    }

    /// The client has taken so many bytes.
    pub fn note_sent(&mut self, length: usize) {
        // A KiB has as many bytes as an event has parts.
        self.add(u64::from(self.limit.for_kib) * length as u64);
    }

    /// A part of an event that time has not filled to its end is kept for the next time.
    fn fill_by_time(&mut self, now: Instant) {
        let rate = u64::from(self.limit.each_second) * PARTS;
        let passed = now.saturating_duration_since(self.filled).as_micros();
        let passed = u64::try_from(passed).unwrap_or(u64::MAX);
        let parts = passed.saturating_mul(rate) / MICROS;
        if parts > 0 {
            let used = parts.saturating_mul(MICROS).div_ceil(rate);
            self.filled += Duration::from_micros(used.min(passed));
            self.add(parts);
        }
    }

    fn add(&mut self, parts: u64) {
        self.left = self.left.saturating_add(parts).min(most(self.limit));
    }
}

/// How much a full budget has, in parts of an event.
fn most(limit: &FloodLimit) -> u64 {
    u64::from(limit.at_once) * PARTS
}

#[cfg(test)]
mod tests {
    use super::*;

    static LIMIT: FloodLimit = FloodLimit {
        problem: "too many",
        at_once: 10,
        each_second: 2,
        for_hundred_answers: 50,
        for_kib: 4,
    };

    fn used_up(now: Instant) -> Budget {
        let mut budget = Budget::new(&LIMIT, now);
        assert!(budget.spend(10, now));
        assert!(!budget.spend(1, now));
        budget
    }

    #[test]
    fn time_fills_it_also_in_small_steps() {
        let now = Instant::now();
        let mut budget = used_up(now);
        // A step of 100 µs is less than a part of an event, and is not lost.
        for step in 1..5000 {
            let now = now + Duration::from_micros(100) * step;
            assert!(!budget.spend(1, now), "after {step} steps");
        }
        assert!(budget.spend(1, now + Duration::from_millis(510)));
    }

    #[test]
    fn work_fills_it_and_nothing_more_than_that() {
        let now = Instant::now();
        let mut budget = used_up(now);
        budget.note_answer();
        assert!(!budget.spend(1, now));
        budget.note_answer();
        assert!(budget.spend(1, now));
        budget.note_sent(255);
        assert!(!budget.spend(1, now));
        budget.note_sent(1);
        assert!(budget.spend(1, now));
        budget.note_sent(usize::MAX >> 8);
        assert!(budget.spend(10, now) && !budget.spend(1, now));
    }

    #[test]
    fn a_clock_that_goes_backwards_takes_nothing() {
        let now = Instant::now() + Duration::from_secs(1);
        let mut budget = Budget::new(&LIMIT, now);
        assert!(budget.spend(9, now - Duration::from_secs(1)));
        assert!(budget.spend(1, now));
        assert!(!budget.spend(1, now));
    }
}
