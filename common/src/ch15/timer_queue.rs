//! Timers: many deadlines, and the earliest of them at once.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::hash::Hash;
use std::time::Instant;

/// How many stale entries the heap may hold, besides as many as there are timers.
const MOST_STALE: usize = 64;

/// Timers, each with a key.
///
/// Most clients do something before their time is over, and then have a later deadline. A
/// later deadline is only noted, and the entry in the heap stays as it is: when that is
/// reached, the note says that the timer was put off. So putting a timer off, which happens
/// with every request, costs no search, and neither does finding the earliest one.
///
/// ```
/// use std::time::{Duration, Instant};
///
/// let now = Instant::now();
/// let mut timers = common::timer_queue::TimerQueue::default();
/// timers.set("Ada", now);
/// timers.set("Ada", now + Duration::from_secs(1));
/// assert_eq!(timers.pop_due(now), None);
/// assert_eq!(timers.pop_due(now + Duration::from_secs(1)), Some("Ada"));
/// ```
#[derive(Debug)]
pub struct TimerQueue<K> {
    /// The earliest first. Each timer has an entry here that is not later than it is due.
    heap: BinaryHeap<Reverse<(Instant, K)>>,
    timers: HashMap<K, Timer>,
}

/// When a timer is due, and where it is in the heap.
#[derive(Debug)]
struct Timer {
    due: Instant,
    /// The time of its earliest entry in the heap.
    queued: Instant,
}

impl<K> Default for TimerQueue<K> {
    fn default() -> Self {
        Self {
            heap: BinaryHeap::new(),
            timers: HashMap::new(),
        }
    }
}

impl<K: Copy + Eq + Hash + Ord> TimerQueue<K> {
    /// Sets the timer of this key, in place of the one that it had.
    pub fn set(&mut self, key: K, due: Instant) {
        if let Some(timer) = self.timers.get_mut(&key) {
            timer.due = due;
            if timer.queued <= due {
                return;
            }
            timer.queued = due;
        } else {
            let queued = due;
            self.timers.insert(key, Timer { due, queued });
        }
        self.heap.push(Reverse((due, key)));
    }

    /// Removes the timer of this key.
    pub fn clear(&mut self, key: K) {
        self.timers.remove(&key);
        if self.heap.len() > 2 * self.timers.len() + MOST_STALE {
            self.remove_stale();
        }
    }

    /// Removes the entries that belong to no timer any more. Otherwise the heap would grow
    /// with each client that comes and goes within the longest timeout.
    fn remove_stale(&mut self) {
        let Self { heap, timers } = self;
        let is_queued = |Reverse((at, key)): &Reverse<(Instant, K)>| {
            timers.get(key).is_some_and(|timer| timer.queued == *at)
        };
        heap.retain(is_queued);
    }

    /// When to call [`TimerQueue::pop_due`] next. That may be before any timer is due.
    pub fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// Removes a timer that is due, and gives its key.
    pub fn pop_due(&mut self, now: Instant) -> Option<K> {
        while self.next()? <= now {
            let Reverse((at, key)) = self.heap.pop()?;
            match self.timers.get_mut(&key) {
                Some(timer) if timer.due <= now => {
                    self.timers.remove(&key);
                    return Some(key);
                }
                // It was put off: from now on its new deadline is in the heap.
                Some(timer) if timer.queued == at => {
                    timer.queued = timer.due;
                    self.heap.push(Reverse((timer.due, key)));
                }
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn against_a_list_that_is_searched_each_time() {
        let start = Instant::now();
        let at = |moment: u64| start + Duration::from_secs(moment);
        let mut timers = TimerQueue::default();
        let mut list: HashMap<u64, u64> = HashMap::new();
        let mut state = 1_u64;
        let mut random = |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) % below
        };
        for now in 0..20_000 {
            for _ in 0..random(4) {
                let key = random(50);
                if random(5) == 0 {
                    timers.clear(key);
                    list.remove(&key);
                } else {
                    let due = now + random(100);
                    timers.set(key, at(due));
                    list.insert(key, due);
                }
            }
            let mut expected: Vec<u64> = list
                .iter()
                .filter(|(_, due)| **due <= now)
                .map(|(key, _)| *key)
                .collect();
            let mut came: Vec<u64> = std::iter::from_fn(|| timers.pop_due(at(now))).collect();
            expected.sort_unstable();
            came.sort_unstable();
            assert_eq!(came, expected, "at {now}");
            list.retain(|_, due| *due > now);
        }
    }

    #[test]
    fn putting_a_timer_off_takes_no_memory() {
        let start = Instant::now();
        let mut timers = TimerQueue::default();
        for moment in 0..100_000 {
            timers.set(1, start + Duration::from_millis(moment));
        }
        assert_eq!(timers.heap.len(), 1);
    }

    #[test]
    fn timers_that_were_removed_leave_nothing() {
        let start = Instant::now();
        let mut timers = TimerQueue::default();
        timers.set(0, start);
        for key in 1..100_000 {
            timers.set(key, start);
            timers.clear(key);
            assert!(timers.heap.len() <= MOST_STALE + 2);
        }
        assert_eq!(
            timers.pop_due(start),
            Some(0),
            "the timer that stayed is not forgotten"
        );
        assert_eq!(timers.pop_due(start), None);
        assert!(timers.heap.is_empty() && timers.timers.is_empty());
    }
}
