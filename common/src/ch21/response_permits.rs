//! How many responses may be under way that their clients let wait. Each connection may have
//! one, as in HTTP/1.1. What others hold is shared by all connections.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::ch12::limits::Limits;

/// How much a response takes besides its content, in bytes: an open file, and its line of the
/// access log.
pub const EACH: usize = 128 * 1024;

/// How much the responses of all connections take, but for one of each.
static TAKEN: AtomicUsize = AtomicUsize::new(0);

/// The responses of one connection that are under way.
pub struct ResponsePermits {
    taken: &'static AtomicUsize,
    most: usize,
    /// Their streams, and what each has taken of what is shared.
    responses: Vec<(u32, usize)>,
}

impl Limits {
    /// How much the responses of HTTP/2 may take together, but for one of each connection, in
    /// bytes. On average that is one more for each connection.
    pub fn shared_by_responses(&self) -> usize {
        self.connections * EACH
    }
}

impl ResponsePermits {
    /// A connection without responses, under these limits.
    pub fn new(limits: &Limits) -> Self {
        Self::of(&TAKEN, limits.shared_by_responses())
    }

    fn of(taken: &'static AtomicUsize, most: usize) -> Self {
        Self {
            taken,
            most,
            responses: Vec::new(),
        }
    }

    /// Whether one more request may be answered. It says which responses are still under way.
    pub fn is_free(&mut self, is_under_way: impl Fn(u32) -> bool) -> bool {
        self.responses.retain(|&(stream, size)| {
            let stays = is_under_way(stream);
            if !stays {
                self.taken.fetch_sub(size, Relaxed);
            }
            stays
        });
        self.responses.is_empty() || self.taken.load(Relaxed) < self.most
    }

    /// A response is under way whose content takes so much memory.
    pub fn add(&mut self, stream: u32, memory: usize) {
        let size = match self.responses.is_empty() {
            true => 0,
            false => EACH + memory,
        };
        self.taken.fetch_add(size, Relaxed);
        self.responses.push((stream, size));
    }
}

impl Drop for ResponsePermits {
    fn drop(&mut self) {
        let sizes = self.responses.iter().map(|(_, size)| size);
        self.taken.fetch_sub(sizes.sum(), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_connection_may_have_one_and_the_rest_is_shared() {
        static TAKEN: AtomicUsize = AtomicUsize::new(0);
        let mut first = ResponsePermits::of(&TAKEN, 2 * EACH + 1001);
        let mut second = ResponsePermits::of(&TAKEN, 2 * EACH + 1001);
        for stream in [1, 3, 5] {
            assert!(first.is_free(|_| true));
            first.add(stream, 0);
        }
        assert!(first.is_free(|_| true));
        first.add(7, 1000);
        // Nothing is left, but for the one of the other.
        assert!(!first.is_free(|_| true));
        assert!(second.is_free(|_| true));
        second.add(1, 1000);
        assert!(!second.is_free(|_| true));
        // One has ended that had taken some.
        assert!(!first.is_free(|stream| stream != 1));
        assert!(first.is_free(|stream| stream > 3));
        assert!(second.is_free(|_| true));
        drop((first, second));
        assert_eq!(TAKEN.load(Relaxed), 0);
    }
}
