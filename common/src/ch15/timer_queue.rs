//! Who is to be looked at when: many moments, and the next of them at once.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::hash::Hash;
use std::time::Instant;

/// How many moments may stand in the order for nobody, besides as many as there are for
/// somebody.
const FEW: usize = 64;

/// Moments, each for somebody.
///
/// Most clients do something before their time is over, and then have a new moment, which
/// is later. So a later one is only noted, and the old one stays where it is in the order:
/// when it comes, the note says that it was put off. That makes it cheap to be put off,
/// which happens with every request, and finding the next moment cheap too.
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
    /// The earliest first. For each in `of`, one of these is not later.
    order: BinaryHeap<Reverse<(Instant, K)>>,
    of: HashMap<K, Moments>,
}

#[derive(Debug)]
struct Moments {
    /// When it is due.
    due: Instant,
    /// The earliest moment that stands in the order for it.
    stands: Instant,
}

impl<K> Default for TimerQueue<K> {
    fn default() -> Self {
        Self {
            order: BinaryHeap::new(),
            of: HashMap::new(),
        }
    }
}

impl<K: Copy + Eq + Hash + Ord> TimerQueue<K> {
    /// Gives somebody a moment, in place of the one that it had.
    pub fn set(&mut self, who: K, due: Instant) {
        if let Some(moments) = self.of.get_mut(&who) {
            moments.due = due;
            if moments.stands <= due {
                return;
            }
            moments.stands = due;
        } else {
            let stands = due;
            self.of.insert(who, Moments { due, stands });
        }
        self.order.push(Reverse((due, who)));
    }

    /// Takes somebody's moment away.
    pub fn clear(&mut self, who: K) {
        self.of.remove(&who);
        if self.order.len() > 2 * self.of.len() + FEW {
            self.tidy_up();
        }
    }

    /// Takes those moments out of the order that stand there for nobody any more. Else as
    /// many would gather as clients come and go in the longest time that one may take.
    fn tidy_up(&mut self) {
        let Self { order, of } = self;
        let stands = |Reverse((moment, who)): &Reverse<(Instant, K)>| {
            of.get(who).is_some_and(|moments| moments.stands == *moment)
        };
        order.retain(stands);
    }

    /// When it is worth looking again; that may be earlier than somebody is due.
    pub fn next(&self) -> Option<Instant> {
        self.order.peek().map(|Reverse((moment, _))| *moment)
    }

    /// Somebody whose moment has come, with which it is taken away.
    pub fn pop_due(&mut self, now: Instant) -> Option<K> {
        while self.next()? <= now {
            let Reverse((moment, who)) = self.order.pop()?;
            match self.of.get_mut(&who) {
                Some(moments) if moments.due <= now => {
                    self.of.remove(&who);
                    return Some(who);
                }
                // It was put off: from now on its new moment stands for it.
                Some(moments) if moments.stands == moment => {
                    moments.stands = moments.due;
                    self.order.push(Reverse((moments.due, who)));
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
                let who = random(50);
                if random(5) == 0 {
                    timers.clear(who);
                    list.remove(&who);
                } else {
                    let due = now + random(100);
                    timers.set(who, at(due));
                    list.insert(who, due);
                }
            }
            let mut expected: Vec<u64> = list
                .iter()
                .filter(|(_, due)| **due <= now)
                .map(|(who, _)| *who)
                .collect();
            let mut came: Vec<u64> = std::iter::from_fn(|| timers.pop_due(at(now))).collect();
            expected.sort_unstable();
            came.sort_unstable();
            assert_eq!(came, expected, "at {now}");
            list.retain(|_, due| *due > now);
        }
    }

    #[test]
    fn to_be_put_off_takes_no_room() {
        let start = Instant::now();
        let mut timers = TimerQueue::default();
        for moment in 0..100_000 {
            timers.set(1, start + Duration::from_millis(moment));
        }
        assert_eq!(timers.order.len(), 1);
    }

    #[test]
    fn who_comes_and_goes_leaves_nothing() {
        let start = Instant::now();
        let mut timers = TimerQueue::default();
        timers.set(0, start);
        for who in 1..100_000 {
            timers.set(who, start);
            timers.clear(who);
            assert!(timers.order.len() <= FEW + 2);
        }
        assert_eq!(
            timers.pop_due(start),
            Some(0),
            "who stayed is not forgotten"
        );
        assert_eq!(timers.pop_due(start), None);
        assert!(timers.order.is_empty() && timers.of.is_empty());
    }
}
